/** Conferences, telephones and lamps: what the board makes of Kazoo's own messages and lists. */
import { describe, expect, test } from 'vitest';
import { Picture } from '../../src/client/board/picture.ts';
import { normalize } from '../../src/protocol/normalized.ts';
import { kazooMessage } from '../support/kazoo-messages.ts';

const account = '4b31dd1d32ce6d249897c06332375d65';
const room = `${account}/6a6d9f38-2c6a-4a0f-8f0e-1f8f64c0b1aa`;
const ana = 'a1b2.c3+d4@198.51.100.7';
const base = Date.UTC(2026, 10, 26, 12);

type Fields = Record<string, unknown>;
type Step = readonly [file: string, changes?: Fields];

class Stage {
  readonly picture = new Picture(() => true);
  now = base;

  play(...steps: readonly Step[]): this {
    for (const [file, changes = {}] of steps) {
      this.now += 100;
      const [family = ''] = file.split('.');
      const data = normalize({ ...kazooMessage(file), ...changes }) as Fields;
      this.picture.take({ family, account, data, replayed: false }, this.now);
    }
    return this;
  }

  pass(ms: number): this {
    this.now += ms;
    this.picture.sweep(this.now);
    return this;
  }

  listing(isComplete = true) {
    return { account, askedAt: this.now - 50, now: this.now, isComplete };
  }

  get rooms() {
    return this.picture.conferences.list.map(({ id, members }) => [
      id,
      ...members.map(({ callId, isTalking, isMuted, isDeaf }) =>
        [callId === ana ? 'ana' : callId, isTalking && 'talks', isMuted && 'muted', isDeaf && 'deaf']
          .filter(Boolean)
          .join(' '),
      ),
    ]);
  }

  get lamps() {
    return this.picture.lamps.list.map(({ user, state }) => `${user} ${state}`);
  }
}

const play = (...steps: readonly Step[]): Stage => new Stage().play(...steps);
const open: readonly Step[] = [['conference.conference-create'], ['conference.add-member']];

describe('conferences', () => {
  const cases: Record<string, readonly [steps: readonly Step[], rooms: readonly (readonly string[])[]]> = {
    'somebody joins': [open, [['7001', 'ana']]],
    'and talks': [[...open, ['conference.start-talking']], [['7001', 'ana talks']]],
    'and falls silent': [[...open, ['conference.start-talking'], ['conference.stop-talking']], [['7001', 'ana']]],
    'is muted, whatever the flags beside it say': [[...open, ['conference.mute-member']], [['7001', 'ana muted']]],
    'and is heard again': [[...open, ['conference.mute-member'], ['conference.unmute-member']], [['7001', 'ana']]],
    'hears nothing': [[...open, ['conference.deaf-member']], [['7001', 'ana deaf']]],
    'and hears again': [[...open, ['conference.deaf-member'], ['conference.undeaf-member']], [['7001', 'ana']]],
    'a second one comes': [[...open, ['conference.add-member', { 'Call-ID': 'x' }]], [['7001', 'ana', 'x']]],
    'one leaves': [
      [...open, ['conference.add-member', { 'Call-ID': 'x' }], ['conference.del-member']],
      [['7001', 'x']],
    ],
    'a member that nobody has told of talks': [[['conference.start-talking']], [['7001', 'ana talks']]],
    'it ends': [[...open, ['conference.del-member'], ['conference.conference-destroy']], []],
    'the end of an earlier one of that name ends nothing': [
      [...open, ['conference.conference-destroy', { 'Instance-ID': 'earlier' }]],
      [['7001', 'ana']],
    ],
    'another one of that name is another': [
      [...open, ['conference.add-member', { 'Instance-ID': 'later', 'Call-ID': 'x' }]],
      [
        ['7001', 'ana'],
        ['7001', 'x'],
      ],
    ],
    'everything twice is the same': [[...open, ...open], [['7001', 'ana']]],
    'a name with dots is a name': [
      [['conference.add-member.dotted-name']],
      [['sales.room 7', '8f3c2a7e-9d41-4c0b-8f7e-51d9f1a0c2b4']],
    ],
    'a command is no event': [[['conference.command.mute']], []],
  };
  test.each(Object.entries(cases))('%s', (_, [steps, rooms]) => {
    expect(play(...steps).rooms).toEqual(rooms);
  });

  test('who is in it, and whose telephone that is', () => {
    const [conference] = play(...open).picture.conferences.list;
    expect(conference).toMatchObject({ key: room, account, isLocked: false, since: base + 100 });
    expect(conference?.members[0]).toMatchObject({
      name: 'Ana Sousa',
      number: '1001',
      participantId: '4',
      isModerator: true,
      userId: '699ed7e3d583e2577ac017c575f87262',
      since: base + 200,
    });
  });

  test('it is locked and unlocked', () => {
    const stage = play(...open, ['conference.lock']);
    expect(stage.picture.conferences.list[0]?.isLocked).toBe(true);
    expect(stage.play(['conference.unlock']).picture.conferences.list[0]?.isLocked).toBe(false);
  });

  test('a call knows which one it is in, and leaves it with its end', () => {
    const stage = play(['call.CHANNEL_ANSWER.a-leg', { 'Call-ID': ana }], ...open);
    expect(stage.picture.calls.get(ana)?.conference).toBe(room);
    stage.play(['call.CHANNEL_DESTROY.a-leg', { 'Call-ID': ana }]);
    expect(stage.rooms).toEqual([['7001']]);
    expect(stage.picture.calls.get(ana)?.conference).toBeUndefined();
  });

  describe('lists', () => {
    const answer = kazooMessage('answer.search_resp.account').Conferences as Record<string, Fields>;
    const rooms = Object.entries(answer).map(([name, entry]) => ({ name, ...(normalize(entry) as Fields) }));
    const inside = normalize(kazooMessage('answer.search_resp.conference')) as Fields;

    test('a room and its members are there without an event', () => {
      const stage = new Stage().pass(5000);
      expect(stage.picture.list('conferences', rooms, stage.listing())).toBe(true);
      expect(stage.picture.listMembers('7001', inside, stage.listing())).toBe(true);
      expect(stage.rooms).toEqual([['7001', 'ana']]);
      expect(stage.picture.conferences.list[0]).toMatchObject({ instanceId: '6a6d9f38-2c6a-4a0f-8f0e-1f8f64c0b1aa' });
    });

    test('what they lack is over; an incomplete one ends nothing', () => {
      const stage = play(...open, ['conference.add-member', { 'Call-ID': 'x' }]).pass(5000);
      stage.picture.listMembers('7001', inside, stage.listing(false));
      expect(stage.rooms).toEqual([['7001', 'ana', 'x']]);
      stage.picture.listMembers('7001', inside, stage.listing());
      expect(stage.rooms).toEqual([['7001', 'ana']]);
      stage.picture.list('conferences', [], stage.listing(false));
      expect(stage.rooms).toEqual([['7001', 'ana']]);
      stage.picture.list('conferences', [], stage.listing());
      expect(stage.rooms).toEqual([]);
    });

    test('they tell who talks and who is muted, where no event of late says otherwise', () => {
      const stage = play(...open, ['conference.mute-member']).pass(5000);
      stage.picture.listMembers('7001', inside, stage.listing());
      expect(stage.rooms).toEqual([['7001', 'ana']]);
      stage.play(['conference.mute-member']).now += 30;
      expect(stage.picture.listMembers('7001', inside, stage.listing())).toBe(true);
      expect(stage.rooms).toEqual([['7001', 'ana muted']]);
      stage.now += 1000;
      expect(stage.picture.listMembers('7001', inside, stage.listing())).toBe(false);
      expect(stage.rooms).toEqual([['7001', 'ana muted']]);
    });

    test('a room that has opened again is there again', () => {
      const stage = play(...open, ['conference.conference-destroy'], ['conference.add-member']).pass(5000);
      stage.picture.list('conferences', rooms, stage.listing());
      expect(stage.rooms).toEqual([['7001', 'ana']]);
    });

    test('who was heard to go is not brought back by a list that is behind', () => {
      const stage = play(...open, ['conference.add-member', { 'Call-ID': 'x' }], ['conference.del-member']);
      stage.picture.listMembers('7001', inside, stage.listing());
      expect(stage.rooms).toEqual([['7001', 'x']]);
      stage.play(['conference.conference-destroy']);
      stage.picture.list('conferences', rooms, stage.listing());
      expect(stage.rooms).toEqual([]);
    });
  });
});

describe('registrations', () => {
  const registered = play(['registration.success.kamailio']);
  const key = 'user_wpxnx7am9w@acme.example.com';

  test('a telephone, whose it is, and where it is reached', () => {
    expect(registered.picture.registrations.list).toMatchObject([
      {
        ...{ key, account, username: 'user_wpxnx7am9w', deviceId: 'd509114b66efabf32dfd78dc464b46dd' },
        ...{ userId: '699ed7e3d583e2577ac017c575f87262', userAgent: 'Yealink SIP-T46S 66.86.0.15' },
        ...{ contact: 'sip:user_wpxnx7am9w@198.51.100.7:5060;transport=tcp', address: '198.51.100.7' },
        expiresAt: base + 100 + 360_000,
      },
    ]);
  });

  test('FreeSWITCH tells it in other words', () => {
    const [one] = play(['registration.success.freeswitch']).picture.registrations.list;
    expect(one).toMatchObject({
      key,
      contact: 'sip:user_wpxnx7am9w@198.51.100.7:5060;transport=udp',
      expiresAt: base + 100 + 3_600_000,
    });
  });

  test('it comes again, and is the same', () => {
    expect(
      play(['registration.success.kamailio'], ['registration.success.kamailio']).picture.registrations.list,
    ).toHaveLength(1);
  });

  test('it goes by word, by its own will, or with its time', () => {
    const gone = (step: Step) => play(['registration.success.kamailio'], step).picture.registrations.list;
    expect(gone(['notifications.sip.deregister'])).toEqual([]);
    expect(gone(['registration.success.kamailio', { Expires: 0 }])).toEqual([]);
    // A list may be behind.
    const behind = play(['registration.success.kamailio'], ['notifications.sip.deregister']);
    behind.picture.list(
      'registrations',
      [normalize((kazooMessage('answer.reg_query_resp').Fields as Fields[])[0])],
      behind.listing(),
    );
    expect(behind.picture.registrations.list).toEqual([]);
    const stage = play(['registration.success.kamailio']).pass(350_000);
    expect(stage.picture.registrations.list).toHaveLength(1);
    expect(stage.pass(20_000).picture.registrations.list).toEqual([]);
  });

  test('a list adds, and removes what it lacks', () => {
    const fields = (kazooMessage('answer.reg_query_resp').Fields as Fields[]).map(
      (entry) => normalize(entry) as Fields,
    );
    const stage = new Stage().pass(5000);
    const seconds = Math.floor(stage.now / 1000) + 62_167_219_200;
    stage.picture.list(
      'registrations',
      fields.map((entry) => ({ ...entry, last_registration: seconds - 40 })),
      stage.listing(),
    );
    expect(stage.picture.registrations.list).toMatchObject([{ key, expiresAt: stage.now + 500_000 }]);
    stage.pass(5000).picture.list('registrations', [], stage.listing());
    expect(stage.picture.registrations.list).toEqual([]);
  });
});

describe('lamps', () => {
  const lit: Record<string, readonly [steps: readonly Step[], lamps: readonly string[]]> = {
    'it rings': [[['presence.dialog.early']], ['1001 ringing']],
    'it is busy': [[['presence.dialog.early'], ['presence.dialog.confirmed']], ['1001 busy']],
    'it is free': [[['presence.dialog.confirmed'], ['presence.dialog.terminated']], ['1001 idle']],
    'one of two calls ends': [
      [['presence.dialog.confirmed'], ['presence.dialog.early', { 'Call-ID': 'x' }], ['presence.dialog.terminated']],
      ['1001 ringing'],
    ],
    'a slot is taken': [[['presence.dialog.parked']], ['*3101 ringing']],
    'somebody sets it by hand': [[['presence.update.no-call', { State: 'confirmed' }]], ['*78 busy']],
    'and takes it back': [
      [['presence.update.no-call', { State: 'confirmed' }], ['presence.update.no-call']],
      ['*78 idle'],
    ],
    'nothing is there': [[['presence.update.probe']], ['1001 idle']],
    'a call lights it without a word of presence': [[['call.CHANNEL_CREATE.b-leg']], ['1002 ringing']],
    'until it ends': [[['call.CHANNEL_CREATE.b-leg'], ['call.CHANNEL_DESTROY.b-leg']], ['1002 idle']],
    'what is told of a call that has ended is late': [
      [['call.CHANNEL_CREATE.a-leg'], ['call.CHANNEL_DESTROY.a-leg'], ['presence.dialog.confirmed']],
      ['1001 idle'],
    ],
  };
  test.each(Object.entries(lit))('%s', (_, [steps, lamps]) => {
    expect(play(...steps).lamps).toEqual(lamps);
  });

  test('a mailbox has something new', () => {
    expect(play(['presence.mwi_update']).picture.lamps.list).toMatchObject([
      { key: '1001@acme.example.com', user: '1001', state: 'idle', newMessages: 2, savedMessages: 5 },
    ]);
  });

  test('of a mailbox that nobody has told of, nothing is known', () => {
    expect(play(['presence.dialog.early']).picture.lamps.list[0]?.newMessages).toBeUndefined();
  });

  test('after a complete list of calls, what was told of others before is over; what was set by hand is not', () => {
    const stage = play(['presence.dialog.confirmed'], ['presence.update.no-call', { State: 'confirmed' }]).pass(5000);
    stage.picture.list('calls', [], stage.listing(false));
    expect(stage.lamps).toEqual(['1001 busy', '*78 busy']);
    stage.picture.list('calls', [], stage.listing());
    expect(stage.lamps).toEqual(['1001 idle', '*78 busy']);
  });
});

describe('lamps are forgotten', () => {
  const ring: Step = ['call.CHANNEL_CREATE.b-leg'];
  const end: Step = ['call.CHANNEL_DESTROY.b-leg'];
  const minute = 60_000;

  test('a minute after they have nothing more to tell, and are there again with the next call', () => {
    const stage = play(ring, end).pass(1000);
    expect(stage.lamps).toEqual(['1002 idle']);
    stage.pass(minute - 1);
    expect(stage.lamps).toEqual(['1002 idle']);
    stage.picture.lamps.changed();
    stage.pass(1);
    expect(stage.lamps).toEqual([]);
    expect(stage.picture.lamps.changed().size).toBe(1);
    stage.play([ring[0], { 'Call-ID': 'x' }]);
    expect(stage.lamps).toEqual(['1002 ringing']);
  });

  test('no earlier than that after they were lit last', () => {
    const another = { 'Call-ID': 'x' };
    const stage = play(ring, end)
      .pass(1000)
      .pass(minute / 2);
    stage.play([ring[0], another], [end[0], another]);
    expect(stage.pass(minute / 2).lamps).toEqual(['1002 idle']);
    expect(stage.pass(minute).lamps).toEqual([]);
  });

  test('never while somebody calls, or a mailbox has told its figures', () => {
    const lit = play(ring).pass(minute).pass(minute);
    expect(lit.lamps).toEqual(['1002 ringing']);
    const told = play(['presence.mwi_update']).pass(minute).pass(minute);
    expect(told.lamps).toHaveLength(1);
  });

  test('also where a leg has become another’s meanwhile', () => {
    const moved = { 'Custom-Channel-Vars': { 'Presence-ID': '1009@acme.example' } };
    const stage = play(ring, ['call.CHANNEL_ANSWER.b-leg', moved], [end[0], moved]);
    expect(stage.pass(1000).pass(minute).lamps).toEqual([]);
  });

  test('and none are kept where nobody wants to see them', () => {
    const picture = new Picture(() => true, false);
    const data = normalize(kazooMessage(ring[0])) as Fields;
    picture.take({ family: 'call', account, data, replayed: false }, base);
    expect(picture.calls.list).toHaveLength(1);
    expect(picture.lamps.list).toEqual([]);
  });
});
