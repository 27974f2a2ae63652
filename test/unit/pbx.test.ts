import { describe, expect, test } from 'vitest';
import { createCatalogue } from '../../src/families/catalogue.ts';
import { type PbxMessage, type PbxOptions, startPbx } from '../../src/simulator/pbx.ts';
import { createRandom } from '../../src/simulator/random.ts';
import { callEvents } from '../support/offers.ts';

const accounts = [
  { id: '4b31dd1d32ce6d249897c06332375d65', name: 'Harbour Hotel', realm: 'harbour.example.com' },
  { id: '8c0f5a2be91d4c7790d3ab7415e2f6aa', name: 'Harbour Spa', realm: 'spa.harbour.example.com' },
];
const accountIds = accounts.map(({ id }) => id);
const documentTypes = ['user', 'device', 'vmbox', 'callflow', 'mailbox_message'];
const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const startedAt = Date.UTC(2026, 10, 30, 23, 30);

/** A clock that stands still until it is told to go on. */
function createFakeTimers() {
  let now = startedAt;
  let order = 0;
  const waiting = new Set<{ at: number; order: number; task: () => void }>();
  const next = () => [...waiting].sort((one, other) => one.at - other.at || one.order - other.order)[0];
  return {
    now: () => now,
    after(ms: number, task: () => void) {
      order += 1;
      const entry = { at: now + ms, order, task };
      waiting.add(entry);
      return { cancel: () => void waiting.delete(entry) };
    },
    get pending() {
      return waiting.size;
    },
    advance(ms: number) {
      const end = now + ms;
      for (let entry = next(); entry !== undefined && entry.at <= end; entry = next()) {
        waiting.delete(entry);
        now = entry.at;
        entry.task();
      }
      now = end;
    },
  };
}

interface Heard extends PbxMessage {
  /** ms since the start */
  readonly at: number;
}

function play(ms: number, options: Partial<PbxOptions> = {}): Heard[] {
  const timers = createFakeTimers();
  const heard: Heard[] = [];
  const publish = (message: PbxMessage) => void heard.push({ ...message, at: timers.now() - startedAt });
  const pbx = startPbx({ accounts, seed: 7, publish, timers, ...options });
  timers.advance(ms);
  pbx.stop();
  return heard;
}

const text = ({ payload }: PbxMessage, field: string): string => String(payload[field]);
const variables = ({ payload }: PbxMessage) => payload['Custom-Channel-Vars'] as Record<string, string>;
const ofExchange = (messages: readonly Heard[], exchange: string) =>
  messages.filter((message) => message.exchange === exchange);

function grouped(messages: readonly Heard[], keyOf: (message: Heard) => string): Map<string, Heard[]> {
  const groups = new Map<string, Heard[]>();
  for (const message of messages) {
    const group = groups.get(keyOf(message));
    if (group === undefined) groups.set(keyOf(message), [message]);
    else group.push(message);
  }
  return groups;
}

const channelsOf = (messages: readonly Heard[]) =>
  grouped(ofExchange(messages, 'callevt'), (message) => text(message, 'Call-ID'));

/** An hour of two accounts, of which every test looks at another side. */
const playMs = hour;
const longPlay = play(playMs);
/** No call of the play takes longer than this; conferences do. */
const longestCall = 90 * second;

describe('the play', () => {
  test('the same seed, accounts, speed and clock give the same messages', () => {
    expect(play(5 * minute)).toEqual(play(5 * minute));
  });

  test('another seed gives other messages', () => {
    expect(play(minute, { seed: 8 })).not.toEqual(play(minute));
  });

  test('an account plays the same whether or not others play beside it', () => {
    const alone = play(5 * minute, { accounts: accounts.slice(0, 1) });
    const ofFirst = play(5 * minute).filter((message) => JSON.stringify(message).includes(accounts[0]?.id ?? '?'));
    expect(ofFirst).toEqual(alone);
  });

  test('nothing is published before it returns, and something within the first second', () => {
    expect(play(0)).toEqual([]);
    for (let seed = 0; seed < 50; seed += 1) {
      const early = play(second, { seed });
      expect(new Set(early.map((message) => variables(message)['Account-ID']))).toEqual(new Set(accountIds));
    }
  });

  test('an account sees one to three events a second, and ten times as many at speed 10', () => {
    const perSecond = longPlay.length / accounts.length / (playMs / second);
    expect(perSecond).toBeGreaterThan(1);
    expect(perSecond).toBeLessThan(3);
    const fast = play(5 * minute, { speed: 10 }).length / accounts.length / ((5 * minute) / second);
    expect(fast / perSecond).toBeGreaterThan(9);
    expect(fast / perSecond).toBeLessThan(11);
  });

  test('stop ends it: no timer is left and nothing more is published', () => {
    const timers = createFakeTimers();
    let heard = 0;
    const pbx = startPbx({ accounts, seed: 7, timers, publish: () => (heard += 1) });
    timers.advance(30 * second);
    expect(timers.pending).toBeGreaterThan(0);
    const before = heard;
    pbx.stop();
    expect(timers.pending).toBe(0);
    timers.advance(hour);
    expect(heard).toBe(before);
    pbx.stop();
  });

  test('a listener may stop it in the middle of a step', () => {
    for (let limit = 1; limit < 60; limit += 1) {
      const timers = createFakeTimers();
      let heard = 0;
      const pbx = startPbx({
        accounts,
        seed: 7,
        timers,
        publish() {
          heard += 1;
          if (heard === limit) pbx.stop();
        },
      });
      timers.advance(10 * minute);
      expect(heard).toBe(limit);
      expect(timers.pending).toBe(0);
    }
  });

  test('without timers of its own it uses those of Node.js, and stop lets the process end', async () => {
    const heard: PbxMessage[] = [];
    await new Promise<void>((resolve) => {
      const pbx = startPbx({
        accounts,
        seed: 7,
        speed: 1000,
        publish(message) {
          heard.push(message);
          if (heard.length < 20) return;
          pbx.stop();
          resolve();
        },
      });
    });
    expect(heard).toHaveLength(20);
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('a speed of %d is refused', (speed) => {
    expect(() => startPbx({ accounts, seed: 7, speed, publish: () => undefined })).toThrow(RangeError);
  });
});

describe('every message', () => {
  const catalogue = createCatalogue(
    { callEvents, documentTypes, notifications: [] },
    { accountOfRealm: () => undefined, realmOf: () => undefined },
  );

  test('is an event of its family, of one of the accounts', () => {
    for (const { exchange, routingKey, payload } of longPlay) {
      const reading = catalogue.familyOfExchange(exchange)?.read(routingKey, payload);
      expect(accountIds).toContain(typeof reading === 'object' ? reading.account : `${routingKey}: ${reading}`);
    }
  });

  test('is recognised for accounts whose ids are not Kazoo ones, too', () => {
    const account = { id: 'tenant-42', name: 'Tenant', realm: 'tenant.example.com' };
    for (const { exchange, routingKey, payload } of play(10 * minute, { accounts: [account] })) {
      const reading = catalogue.familyOfExchange(exchange)?.read(routingKey, payload);
      expect(reading).toMatchObject({ account: account.id });
    }
  });

  test('has the headers of the bus, an id of its own, and the same text after JSON', () => {
    expect(new Set(longPlay.map((message) => text(message, 'Msg-ID'))).size).toBe(longPlay.length);
    for (const { payload, routingKey } of longPlay.slice(0, 2000)) {
      for (const field of ['App-Name', 'App-Version', 'Event-Category', 'Event-Name', 'Node']) {
        expect(payload[field], field).toBeTypeOf('string');
      }
      expect(Buffer.byteLength(routingKey)).toBeLessThanOrEqual(255);
      expect(JSON.parse(JSON.stringify(payload))).toEqual(payload);
    }
  });
});

describe('calls', () => {
  const channels = channelsOf(longPlay);

  test('all kinds of events and of ends come', () => {
    const messages = ofExchange(longPlay, 'callevt');
    expect(new Set(messages.map((message) => text(message, 'Event-Name')))).toEqual(new Set(callEvents));
    const ended = messages.filter((message) => text(message, 'Event-Name') === 'CHANNEL_DESTROY');
    expect(new Set(ended.map((message) => text(message, 'Hangup-Cause')))).toEqual(
      new Set(['NORMAL_CLEARING', 'NO_ANSWER', 'USER_BUSY', 'ORIGINATOR_CANCEL']),
    );
  });

  test('every channel is created first, once, and destroyed last, once', () => {
    expect(channels.size).toBeGreaterThan(500);
    // Members of a conference that is not over when the play ends.
    const members = new Set(
      ofExchange(longPlay, 'conference')
        .filter(({ at }) => at > playMs - 10 * second)
        .map((message) => text(message, 'Call-ID')),
    );
    for (const [callId, events] of channels) {
      const names = events.map((message) => text(message, 'Event-Name'));
      expect(names.filter((name) => name === 'CHANNEL_CREATE')).toHaveLength(1);
      expect(names[0]).toBe('CHANNEL_CREATE');
      const mayStillRun = (events[0]?.at ?? 0) > playMs - longestCall || members.has(callId);
      if (mayStillRun && !names.includes('CHANNEL_DESTROY')) continue;
      expect(names.filter((name) => name === 'CHANNEL_DESTROY')).toHaveLength(1);
      expect(names.at(-1)).toBe('CHANNEL_DESTROY');
    }
  });

  test('events of a channel come in an order that is possible', () => {
    const mayFollow: Record<string, readonly string[]> = {
      CHANNEL_CREATE: ['CHANNEL_ANSWER', 'CHANNEL_DESTROY'],
      CHANNEL_ANSWER: ['CHANNEL_BRIDGE', 'CHANNEL_HOLD', 'CHANNEL_DESTROY'],
      CHANNEL_BRIDGE: ['CHANNEL_HOLD', 'PARK_PARKED', 'CHANNEL_DESTROY'],
      CHANNEL_HOLD: ['CHANNEL_UNHOLD'],
      CHANNEL_UNHOLD: ['CHANNEL_DESTROY'],
      PARK_PARKED: ['PARK_RETRIEVED', 'PARK_ABANDONED'],
      PARK_RETRIEVED: ['CHANNEL_DESTROY'],
      PARK_ABANDONED: ['CHANNEL_DESTROY'],
      CHANNEL_DESTROY: [],
    };
    for (const events of channels.values()) {
      const names = events.map((message) => text(message, 'Event-Name'));
      for (const [index, name] of names.slice(1).entries()) {
        expect(mayFollow[names[index] ?? ''], `${names[index]} then ${name}`).toContain(name);
      }
    }
  });

  test('both channels are answered before they are bridged, and the state says where the call stands', () => {
    const answered = new Set<string>();
    const states: Record<string, readonly string[]> = {
      CHANNEL_CREATE: ['EARLY', 'RINGING'],
      CHANNEL_HOLD: ['HELD'],
      CHANNEL_DESTROY: ['HANGUP'],
    };
    for (const message of ofExchange(longPlay, 'callevt')) {
      const name = text(message, 'Event-Name');
      if (name === 'CHANNEL_ANSWER') answered.add(text(message, 'Call-ID'));
      if (name === 'CHANNEL_BRIDGE') {
        expect(answered).toContain(text(message, 'Call-ID'));
        expect(answered).toContain(text(message, 'Other-Leg-Call-ID'));
      }
      expect(states[name] ?? ['ACTIVE']).toContain(text(message, 'Channel-Call-State'));
    }
  });

  test('the other leg is a channel of the same account and story, in the other direction unless it was parked', () => {
    for (const message of ofExchange(longPlay, 'callevt')) {
      if (message.payload['Other-Leg-Call-ID'] === undefined) continue;
      const [created] = channels.get(text(message, 'Other-Leg-Call-ID')) ?? [];
      if (created === undefined) throw new Error(`no channel ${text(message, 'Other-Leg-Call-ID')}`);
      expect(created.at).toBeLessThanOrEqual(message.at);
      expect(variables(created)['Account-ID']).toBe(variables(message)['Account-ID']);
      if (message.payload['Other-Leg-Direction'] === undefined) continue;
      expect(text(created, 'Call-Direction')).toBe(text(message, 'Other-Leg-Direction'));
      expect(text(created, 'Caller-ID-Number')).toBe(text(message, 'Other-Leg-Caller-ID-Number'));
    }
  });

  test('the end tells how long it took', () => {
    for (const events of channels.values()) {
      const last = events.at(-1);
      if (last === undefined || text(last, 'Event-Name') !== 'CHANNEL_DESTROY') continue;
      const [whole, billed, ringing] = ['Duration-Seconds', 'Billing-Seconds', 'Ringing-Seconds'].map((field) =>
        Number(last.payload[field]),
      );
      expect(whole).toBe(Math.floor((last.at - (events[0]?.at ?? 0)) / second));
      expect((billed ?? 0) + (ringing ?? 0)).toBe(whole);
      const isAnswered = events.some((message) => text(message, 'Event-Name') === 'CHANNEL_ANSWER');
      if (!isAnswered) expect(billed).toBe(0);
      expect(text(last, 'Hangup-Cause') === 'NORMAL_CLEARING').toBe(isAnswered);
    }
  });

  test('a screen pop finds whose telephone rings, who calls, and the call to key it by', () => {
    const ringing = ofExchange(longPlay, 'callevt').filter(
      (message) =>
        text(message, 'Event-Name') === 'CHANNEL_CREATE' &&
        text(message, 'Call-Direction') === 'outbound' &&
        variables(message)['Authorizing-Type'] === 'device',
    );
    expect(ringing.length).toBeGreaterThan(100);
    for (const message of ringing) {
      expect(variables(message)['Authorizing-ID']).toMatch(/^[0-9a-f]{32}$/);
      expect(variables(message)['Owner-ID']).toMatch(/^[0-9a-f]{32}$/);
      expect(text(message, 'Caller-ID-Number')).toMatch(/^(\+1\d{10}|\d{4})$/);
      const [call] = channels.get(text(message, 'Other-Leg-Call-ID')) ?? [];
      expect(call && text(call, 'Call-Direction')).toBe('inbound');
    }
  });

  test('two to five calls run at the same time in each account', () => {
    const members = new Set(ofExchange(longPlay, 'conference').map((message) => text(message, 'Call-ID')));
    const interactionOf = (events: readonly Heard[]) => {
      const last = events.at(-1);
      return last === undefined ? '' : `${variables(last)['Account-ID']} ${variables(last)['Call-Interaction-ID']}`;
    };
    const calls = new Map<string, { from: number; to: number }>();
    for (const [callId, events] of channels) {
      if (members.has(callId)) continue;
      const call = calls.get(interactionOf(events));
      const from = Math.min(events[0]?.at ?? 0, call?.from ?? playMs);
      calls.set(interactionOf(events), { from, to: Math.max(events.at(-1)?.at ?? 0, call?.to ?? 0) });
    }
    for (const id of accountIds) {
      const own = [...calls].filter(([interaction]) => interaction.startsWith(id)).map(([, call]) => call);
      const counts = new Set<number>();
      for (let at = 3 * second; at < playMs - longestCall; at += second) {
        counts.add(own.filter(({ from, to }) => from <= at && at <= to).length);
      }
      expect([...counts].sort()).toEqual([2, 3, 4, 5]);
    }
  });

  test('nobody is in two conversations at once', () => {
    const talking = new Map<string, string>();
    for (const message of ofExchange(longPlay, 'callevt')) {
      const owner = variables(message)['Owner-ID'];
      if (owner === undefined) continue;
      const callId = text(message, 'Call-ID');
      if (text(message, 'Event-Name') === 'CHANNEL_ANSWER') {
        expect(talking.get(owner) ?? callId).toBe(callId);
        talking.set(owner, callId);
      }
      if (text(message, 'Event-Name') === 'CHANNEL_DESTROY' && talking.get(owner) === callId) talking.delete(owner);
    }
  });
});

describe('conferences', () => {
  const rooms = grouped(ofExchange(longPlay, 'conference'), (message) => text(message, 'Instance-ID'));

  test('all kinds of events come', () => {
    const names = ofExchange(longPlay, 'conference').map((message) => text(message, 'Event'));
    expect(new Set(names)).toEqual(
      new Set([
        'conference-create',
        'add-member',
        'start-talking',
        'stop-talking',
        'mute-member',
        'unmute-member',
        'del-member',
        'conference-destroy',
      ]),
    );
  });

  test('a room opens with its first member and closes with its last', () => {
    expect(rooms.size).toBeGreaterThan(25);
    const unfinished = [...rooms.values()].filter((events) => {
      const names = events.map((message) => text(message, 'Event'));
      expect(names.slice(0, 2)).toEqual(['conference-create', 'add-member']);
      return names.at(-1) !== 'conference-destroy';
    });
    expect(unfinished.length).toBeLessThanOrEqual(accounts.length);
  });

  test('members join before they talk, fall silent before they leave, and are muted when they are', () => {
    for (const events of rooms.values()) {
      const members = new Map<string, { isTalking: boolean; isMuted: boolean }>();
      for (const message of events) {
        const event = text(message, 'Event');
        const callId = text(message, 'Call-ID');
        const member = members.get(callId);
        if (event === 'conference-create' || event === 'conference-destroy') {
          expect(members.size).toBe(0);
          continue;
        }
        const allowed: Record<string, boolean> = {
          'add-member': member === undefined,
          'start-talking': member?.isTalking === false && !member.isMuted,
          'stop-talking': member?.isTalking === true,
          'mute-member': member?.isMuted === false && !member.isTalking,
          'unmute-member': member?.isMuted === true,
          'del-member': member?.isTalking === false,
        };
        expect(allowed[event], event).toBe(true);
        const now = {
          isTalking: event === 'start-talking',
          isMuted: event === 'mute-member' || (event !== 'unmute-member' && member?.isMuted === true),
        };
        if (event === 'del-member') members.delete(callId);
        else members.set(callId, now);
        const said = message.payload['Conference-Channel-Vars'];
        expect(said).toMatchObject({ Talking: now.isTalking, Speak: !now.isMuted, Hear: true });
      }
    }
  });

  test('each member is a channel that is answered before it joins and destroyed after it left', () => {
    const channels = channelsOf(longPlay);
    for (const message of ofExchange(longPlay, 'conference')) {
      const events = channels.get(text(message, 'Call-ID')) ?? [];
      const at = (name: string) => events.find((event) => text(event, 'Event-Name') === name)?.at;
      expect(at('CHANNEL_ANSWER')).toBeLessThanOrEqual(message.at);
      expect(at('CHANNEL_DESTROY') ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(message.at);
    }
  });
});

describe('documents', () => {
  const messages = ofExchange(longPlay, 'configuration');
  const byId = grouped(messages, (message) => text(message, 'ID'));

  test('documents of every type are created, edited and deleted', () => {
    const seen = new Set(messages.map((message) => `${text(message, 'Event-Name')} ${text(message, 'Type')}`));
    const expected = ['doc_created', 'doc_edited', 'doc_deleted'].flatMap((action) =>
      documentTypes.map((type) => `${action} ${type}`),
    );
    expect(seen).toEqual(new Set(expected));
  });

  test('only what exists is edited or deleted, and its revision grows by one', () => {
    for (const events of byId.values()) {
      const names = events.map((message) => text(message, 'Event-Name'));
      expect(names.lastIndexOf('doc_created')).toBeLessThanOrEqual(0);
      if (names.includes('doc_deleted')) expect(names.indexOf('doc_deleted')).toBe(names.length - 1);
      const revisions = events.map((message) => Number.parseInt(text(message, 'Rev'), 10));
      const first = revisions[0] ?? 0;
      if (names[0] === 'doc_created') expect(first).toBe(1);
      expect(revisions).toEqual(revisions.map((_revision, index) => first + index));
      expect(new Set(events.map(({ payload }) => `${payload.Type} ${payload.Database}`)).size).toBe(1);
    }
  });

  test('telephones and people that make calls are never deleted', () => {
    const inUse = new Set(
      ofExchange(longPlay, 'callevt').flatMap((message) => Object.values(variables(message)) as string[]),
    );
    const deleted = messages.filter((message) => text(message, 'Event-Name') === 'doc_deleted');
    for (const message of deleted) expect(inUse).not.toContain(text(message, 'ID'));
  });

  test('voicemail messages lie in the database of the month in which they were left', () => {
    const left = messages.filter((message) => text(message, 'Type') === 'mailbox_message');
    const months = new Set(left.map((message) => /-(\d{6})$/.exec(text(message, 'Database'))?.[1]));
    // The play begins half an hour before December.
    expect(months).toEqual(new Set(['202611', '202612']));
    for (const message of left) {
      const month = text(message, 'Database').slice(-6);
      expect(text(message, 'ID')).toMatch(new RegExp(`^${month}-[0-9a-f]{32}$`));
      expect(message.routingKey.split('.')[1]).toBe(text(message, 'Database').replaceAll('/', '%2F'));
    }
  });

  test('a voicemail message belongs to a call that was not answered by a person', () => {
    const channels = channelsOf(longPlay);
    const created = messages.filter(
      (message) => text(message, 'Type') === 'mailbox_message' && text(message, 'Event-Name') === 'doc_created',
    );
    expect(created.length).toBeGreaterThan(10);
    for (const { payload } of created) {
      const { metadata } = payload.Doc as { metadata: { call_id: string; caller_id_number: string } };
      const call = channels.get(metadata.call_id)?.at(-1);
      expect(call && text(call, 'Event-Name')).toBe('CHANNEL_DESTROY');
      expect(call && text(call, 'Caller-ID-Number')).toBe(metadata.caller_id_number);
      expect(call?.payload['Other-Leg-Call-ID']).toBeUndefined();
    }
  });
});

describe('the source of chance', () => {
  test('numbers stay within their bounds and reach them', () => {
    const random = createRandom(1);
    const drawn = new Set(Array.from({ length: 1000 }, () => random.between(-2, 3)));
    expect(drawn).toEqual(new Set([-2, -1, 0, 1, 2, 3]));
    for (let index = 0; index < 1000; index += 1) {
      const number = random.next();
      expect(number).toBeGreaterThanOrEqual(0);
      expect(number).toBeLessThan(1);
    }
  });

  test('hex digits are as many as asked for, and alike seeds share nothing', () => {
    const ids = [0, 1, 2, 2 ** 32, -1].map((seed) => createRandom(seed).hex(32));
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(ids.map((id) => id.slice(0, 4))).size).toBe(ids.length);
    expect(createRandom(1).hex(0)).toBe('');
  });

  test('chances of none and of all are certain', () => {
    const random = createRandom(3);
    const tries = Array.from({ length: 200 }, () => [random.chance(0), random.chance(1)]);
    expect(tries.every(([never, always]) => never === false && always === true)).toBe(true);
  });

  test('nothing can be picked from an empty list', () => {
    expect(() => createRandom(1).pick([])).toThrow(RangeError);
    expect(createRandom(1).pick(['only'])).toBe('only');
  });
});
