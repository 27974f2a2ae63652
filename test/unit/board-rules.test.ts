/** What the board makes of Kazoo's own messages, one after the other. */
import { describe, expect, test } from 'vitest';
import { Picture } from '../../src/client/board/picture.ts';
import { normalize } from '../../src/protocol/normalized.ts';
import { entryOf, shown } from '../../src/queries/entries.ts';
import { kazooMessage } from '../support/kazoo-messages.ts';

const account = '4b31dd1d32ce6d249897c06332375d65';
const a = 'ZjE5OTk.b64+a/c=@192.0.2.10';
const b = '8f3c2a7e-9d41-4c0b-8f7e-51d9f1a0c2b4';
const c = 'c0ffee00-9d41-4c0b-8f7e-51d9f1a0c2b4';
const ana = { name: 'Ana Sousa', number: '1001' };
const zoe = { name: 'Zoë Müller', number: '1002' };
const base = Date.UTC(2026, 10, 26, 12);

type Fields = Record<string, unknown>;

/** A step is a message by its file's name, some of its members changed; and how long after the one before, 100 ms if nothing else is said. */
type Step = readonly [file: string, changes?: Fields, afterMs?: number];

const families: readonly (readonly [RegExp, string])[] = [
  [/^call\./, 'call'],
  [/^conference\./, 'conference'],
  [/^presence\./, 'presence'],
  [/./, 'registration'],
];

class Stage {
  readonly picture = new Picture(() => true);
  now = base;

  play(...steps: readonly Step[]): this {
    for (const [file, changes = {}, afterMs = 100] of steps) {
      this.now += afterMs;
      // The clocks agree, and every message is of the moment.
      const times = { Timestamp: Math.floor(this.now / 1000) + 62_167_219_200 };
      const payload = { ...kazooMessage(file), ...(file.startsWith('call.CHANNEL') ? times : {}), ...changes };
      const created = file.includes('CREATE') ? { channel_created_time: this.now * 1000 } : {};
      const data = { ...(normalize(payload) as Fields), ...created, ...(normalize(changes) as Fields) };
      const family = families.find(([pattern]) => pattern.test(file))?.[1] ?? '';
      this.picture.take({ family, account, data, replayed: false }, this.now);
    }
    return this;
  }

  /** The account's list, a moment after the last message. */
  list(channels: readonly Fields[], { isComplete = true, afterMs = 5000, askedMs = 50 } = {}): boolean {
    this.now += afterMs;
    const entries = channels.map((channel) => shown(entryOf(channel) ?? {}));
    return this.picture.list('calls', entries, { account, askedAt: this.now - askedMs, now: this.now, isComplete });
  }

  pass(ms: number): this {
    this.now += ms;
    this.picture.sweep(this.now);
    return this;
  }

  get calls() {
    return this.picture.calls.list;
  }

  get states(): string[] {
    return this.calls.map(
      ({ state, legs }) => `${state}: ${legs.map(({ id, state: one }) => `${letter(id)} ${one}`).join(', ')}`,
    );
  }
}

const letter = (id: string): string =>
  new Map([
    [a, 'a'],
    [b, 'b'],
    [c, 'c'],
  ]).get(id) ?? id;
const play = (...steps: readonly Step[]): Stage => new Stage().play(...steps);
const create: readonly Step[] = [['call.CHANNEL_CREATE.a-leg'], ['call.CHANNEL_CREATE.b-leg']];
const answer: readonly Step[] = [
  ['call.CHANNEL_ANSWER.b-leg'],
  ['call.CHANNEL_ANSWER.a-leg'],
  ['call.CHANNEL_BRIDGE.a-leg'],
];
const talk: readonly Step[] = [...create, ...answer];
const onC = { 'Call-ID': c, 'Callee-ID-Name': 'Cem', 'Callee-ID-Number': '1003' };
const destroyed = (id: string, afterMs = 100): Step => ['call.CHANNEL_DESTROY.b-leg', { 'Call-ID': id }, afterMs];

describe('what events make of calls', () => {
  const cases: Record<string, readonly [steps: readonly Step[], calls: readonly string[]]> = {
    'a call begins with who calls': [[['call.CHANNEL_CREATE.a-leg']], ['ringing: a ringing']],
    'both legs are one call': [create, ['ringing: a ringing, b ringing']],
    'whichever comes first': [[...create].reverse(), ['ringing: a ringing, b ringing']],
    'a call is answered': [talk, ['talking: a talking, b talking']],
    'a leg of a carrier’s that nobody has told of is named by the other one alone': [
      [['call.CHANNEL_CREATE.b-leg']],
      ['ringing: b ringing'],
    ],
    'who is answered by a menu and waits for somebody rings': [
      [['call.CHANNEL_CREATE.a-leg'], ['call.CHANNEL_ANSWER.a-leg'], ['call.CHANNEL_CREATE.b-leg']],
      ['ringing: a talking, b ringing'],
    ],
    'a mailbox answers without a second leg': [
      [['call.CHANNEL_CREATE.a-leg'], ['call.CHANNEL_ANSWER.a-leg']],
      ['talking: a talking'],
    ],
    'a bridge before the answer is none yet': [
      [...create, ['call.CHANNEL_BRIDGE.a-leg', { 'Channel-Call-State': 'EARLY' }]],
      ['ringing: a ringing, b ringing'],
    ],
    'one of two holds': [[...talk, ['call.CHANNEL_HOLD.a-leg']], ['held: a held, b talking']],
    'and goes on': [
      [...talk, ['call.CHANNEL_HOLD.a-leg'], ['call.CHANNEL_UNHOLD.a-leg']],
      ['talking: a talking, b talking'],
    ],
    'a group of telephones rings together': [
      [...create, ['call.CHANNEL_CREATE.b-leg', onC]],
      ['ringing: a ringing, b ringing, c ringing'],
    ],
    'one of them answers, and the others ring a moment longer': [
      [...create, ['call.CHANNEL_CREATE.b-leg', onC], ...answer],
      ['talking: a talking, b talking, c ringing'],
    ],
    'one leaves, and the other one stays with the call': [[...talk, destroyed(b)], ['talking: a talking, b ended']],
    'both leave': [[...talk, destroyed(b), ['call.CHANNEL_DESTROY.a-leg']], ['ended: a ended, b ended']],
    'what comes behind the end is late': [
      [...talk, ['call.CHANNEL_DESTROY.a-leg'], destroyed(b), ['call.CHANNEL_UNHOLD.a-leg'], ['call.PARK_ABANDONED']],
      ['ended: a ended, b ended'],
    ],
    'everything twice is the same': [talk.flatMap((step) => [step, step]), ['talking: a talking, b talking']],
    'an event of a leg that nobody has told of makes it': [[['call.CHANNEL_HOLD.a-leg']], ['held: a held']],
    'an end of what nobody has told of makes nothing': [[['call.CHANNEL_DESTROY.a-leg']], []],
    'what isn’t of calls makes nothing': [
      [['call.DTMF.a-leg'], ['call.usurp_publisher'], ['call.RECORD_STOP.a-leg']],
      [],
    ],
    'a call is parked by who has spoken': [
      [...talk, destroyed(b), ['call.PARK_PARKED']],
      ['parked: a parked, b ended'],
    ],
    'and is picked up': [
      [
        ...[...talk, destroyed(b), ['call.PARK_PARKED'] as Step],
        ['call.CHANNEL_CREATE.a-leg', { 'Call-ID': c }],
        ['call.CHANNEL_ANSWER.a-leg', { 'Call-ID': c }],
        ['call.PARK_RETRIEVED'],
        ['call.CHANNEL_BRIDGE.a-leg', { 'Call-ID': c, 'Other-Leg-Call-ID': a }],
      ],
      ['talking: a talking, c talking, b ended'],
    ],
    'or given up': [
      [...talk, destroyed(b), ['call.PARK_PARKED'], ['call.PARK_ABANDONED'], ['call.CHANNEL_DESTROY.a-leg']],
      ['ended: a ended, b ended'],
    ],
    'a blind transfer: who stays is called on': [
      [...talk, destroyed(b), ['call.CHANNEL_CREATE.b-leg', onC]],
      ['ringing: a talking, c ringing, b ended'],
    ],
    'a blind transfer by who has called': [
      [
        ...talk,
        ['call.CHANNEL_DESTROY.a-leg'],
        ['call.CHANNEL_CREATE.b-leg', { ...onC, 'Other-Leg-Call-ID': b }],
        ['call.CHANNEL_ANSWER.b-leg', { ...onC, 'Other-Leg-Call-ID': b }],
        ['call.CHANNEL_BRIDGE.a-leg', { 'Call-ID': b, 'Other-Leg-Call-ID': c, 'Call-Direction': 'outbound' }],
      ],
      ['talking: b talking, c talking, a ended'],
    ],
    'an attended transfer: two calls are one': [
      [
        ...talk,
        ['call.CHANNEL_HOLD.a-leg'],
        ['call.CHANNEL_CREATE.a-leg', { 'Call-ID': 'a2' }],
        ['call.CHANNEL_CREATE.b-leg', { ...onC, 'Other-Leg-Call-ID': 'a2' }],
        ['call.CHANNEL_ANSWER.b-leg', { ...onC, 'Other-Leg-Call-ID': 'a2' }],
        ['call.CHANNEL_ANSWER.a-leg', { 'Call-ID': 'a2' }],
        ['call.CHANNEL_BRIDGE.a-leg', { 'Call-ID': 'a2', 'Other-Leg-Call-ID': c }],
        ['call.CHANNEL_BRIDGE.a-leg', { 'Call-ID': b, 'Other-Leg-Call-ID': c, 'Call-Direction': 'outbound' }],
        ['call.CHANNEL_DESTROY.a-leg'],
        ['call.CHANNEL_DESTROY.a-leg', { 'Call-ID': 'a2' }],
      ],
      ['talking: b talking, c talking, a ended, a2 ended'],
    ],
    'until then they are two': [
      [
        ...talk,
        ['call.CHANNEL_HOLD.a-leg'],
        ['call.CHANNEL_CREATE.a-leg', { 'Call-ID': 'a2' }],
        ['call.CHANNEL_CREATE.b-leg', { ...onC, 'Other-Leg-Call-ID': 'a2' }],
      ],
      ['held: a held, b talking', 'ringing: a2 ringing, c ringing'],
    ],
    'who has passed a call on goes on with another': [
      [
        ...talk,
        ['call.CHANNEL_CREATE.b-leg', { ...onC, 'Other-Leg-Call-ID': b }],
        ['call.CHANNEL_ANSWER.b-leg', { ...onC, 'Other-Leg-Call-ID': b }],
        ['call.CHANNEL_BRIDGE.a-leg', { 'Call-ID': c, 'Other-Leg-Call-ID': b, 'Call-Direction': 'outbound' }],
        ['call.CHANNEL_BRIDGE.a-leg', { 'Other-Leg-Call-ID': 'd' }],
      ],
      ['talking: a talking', 'talking: b talking, c talking'],
    ],
    'somebody picks up what rings elsewhere': [
      [
        ...create,
        ['call.CHANNEL_CREATE.a-leg', { 'Call-ID': c }],
        ['call.CHANNEL_ANSWER.a-leg', { 'Call-ID': c }],
        ['call.CHANNEL_ANSWER.a-leg'],
        ['call.CHANNEL_BRIDGE.a-leg', { 'Call-ID': c, 'Other-Leg-Call-ID': a }],
        destroyed(b),
      ],
      ['talking: a talking, c talking, b ended'],
    ],
    'loopback legs are of the call on both their sides': [
      [
        ['call.CHANNEL_CREATE.a-leg'],
        ['call.CHANNEL_CREATE.loopback'],
        [
          'call.CHANNEL_CREATE.loopback',
          {
            ...{ 'Call-ID': 'loop-0b7f@acme', 'Channel-Loopback-Other-Leg-ID': 'loop-0b7e@acme' },
            ...{ 'Channel-Loopback-Leg': 'B', 'Other-Leg-Call-ID': c, 'Call-Direction': 'inbound' },
          },
        ],
        ['call.CHANNEL_CREATE.b-leg', { ...onC, 'Other-Leg-Call-ID': 'loop-0b7f@acme' }],
      ],
      ['ringing: a ringing, loop-0b7f@acme ringing, loop-0b7e@acme ringing, c ringing'],
    ],
  };

  test.each(Object.entries(cases))('%s', (_, [steps, calls]) => {
    expect(play(...steps).states).toEqual(calls);
  });

  test('a call that is over is gone after a few seconds, and so is a leg that has left', () => {
    const stage = play(...talk, destroyed(b)).pass(6000);
    expect(stage.states).toEqual(['talking: a talking']);
    stage.play(['call.CHANNEL_DESTROY.a-leg']);
    expect(stage.pass(4000).states).toEqual(['ended: a ended']);
    expect(stage.pass(2000).states).toEqual([]);
  });

  test('a call keeps its id, whoever leaves it, and takes in that of a younger one', () => {
    const stage = play(...create);
    expect(stage.calls.map(({ id }) => id)).toEqual([a]);
    stage.play(['call.CHANNEL_DESTROY.a-leg']).pass(6000);
    expect(stage.calls.map(({ id }) => id)).toEqual([a]);
  });

  test('legs that one leg held together are calls of their own a moment after it has gone', () => {
    const stage = play(...create, ['call.CHANNEL_CREATE.b-leg', onC], ['call.CHANNEL_DESTROY.a-leg']);
    expect(stage.states).toEqual(['ringing: b ringing, c ringing, a ended']);
    expect(stage.pass(6000).states).toEqual(['ringing: b ringing', 'ringing: c ringing']);
  });

  test('an unbridged call is two', () => {
    const stage = play(...talk, ['call.CHANNEL_BRIDGE.a-leg', { 'Event-Name': 'CHANNEL_UNBRIDGE' }]);
    expect(stage.states).toEqual(['talking: a talking', 'talking: b talking']);
  });

  test('only what has changed is told, whatever else there is', () => {
    const stage = play(...talk);
    for (let index = 0; index < 50; index += 1)
      stage.play(['call.CHANNEL_CREATE.a-leg', { 'Call-ID': `other-${index}` }]);
    stage.picture.calls.changed();
    const before = stage.calls;
    expect(stage.calls).toBe(before);
    stage.play(['call.CHANNEL_HOLD.a-leg']);
    expect([...stage.picture.calls.changed()]).toEqual([a]);
    expect(stage.calls).not.toBe(before);
    expect(stage.calls.filter((call, index) => call !== before[index]).map(({ id }) => id)).toEqual([a]);
  });
});

describe('which leg is whose', () => {
  const [call] = play(...talk).calls;

  test('who calls, and who is called', () => {
    expect(call).toMatchObject({
      from: { ...ana, userId: '699ed7e3d583e2577ac017c575f87262', deviceId: 'd509114b66efabf32dfd78dc464b46dd' },
      to: { ...zoe, userId: 'c7a1e6b2c5b14f0e9c3a5f8f3a9d4401', deviceId: '0e1f6b0a5f0d4f0fb7a7d0d6d6a8b901' },
      direction: 'internal',
      account,
    });
    expect(call?.legs.map(({ id, name, presenceId }) => [id, name, presenceId])).toEqual([
      [a, 'Ana Sousa', '1001@acme.example.com'],
      [b, 'Zoë Müller', '1002@acme.example.com'],
    ]);
  });

  test('since when they ring, and since when they talk', () => {
    expect(call).toMatchObject({ since: base + 100, answeredAt: base + 400, endedAt: undefined });
    expect(play(...create).calls[0]).toMatchObject({ since: base + 100, answeredAt: undefined });
  });

  test('why it ended, and when', () => {
    const [over] = play(
      ...create,
      ['call.CHANNEL_DESTROY.a-leg', { 'Hangup-Cause': 'ORIGINATOR_CANCEL' }],
      destroyed(b),
    ).calls;
    expect(over).toMatchObject({ state: 'ended', cause: 'ORIGINATOR_CANCEL', endedAt: base + 400, from: ana, to: zoe });
  });

  test('before somebody is called, what was dialled is all there is', () => {
    const [first] = play([
      'call.CHANNEL_CREATE.a-leg',
      { 'Callee-ID-Name': null, 'Callee-ID-Number': null, Request: '*97@acme.example.com' },
    ]).calls;
    expect(first).toMatchObject({ from: ana, to: { name: undefined, number: '*97' } });
  });

  test('the number that was dialled stands for a group until one of it answers', () => {
    const group = play(...create, ['call.CHANNEL_CREATE.b-leg', onC]);
    expect(group.calls[0]?.to).toMatchObject({ number: '1002' });
    group.play(['call.CHANNEL_ANSWER.b-leg', onC], ['call.CHANNEL_ANSWER.a-leg']);
    expect(group.calls[0]?.to).toMatchObject({ name: 'Cem', number: '1003' });
  });

  const resource = {
    'Custom-Channel-Vars': { 'Account-ID': account, 'Authorizing-Type': 'resource', 'Authorizing-ID': 'carrier' },
  };
  const directions: Record<string, readonly [steps: readonly Step[], direction: string]> = {
    'from a carrier': [[['call.CHANNEL_CREATE.a-leg', resource], ['call.CHANNEL_CREATE.b-leg']], 'inbound'],
    'from a carrier whose own leg is told to nobody': [[['call.CHANNEL_CREATE.b-leg']], 'inbound'],
    'to a carrier': [[['call.CHANNEL_CREATE.a-leg'], ['call.CHANNEL_CREATE.b-leg', resource]], 'outbound'],
    'between two of the account’s': [create, 'internal'],
    'to a mailbox': [[['call.CHANNEL_CREATE.a-leg']], 'internal'],
  };
  test.each(Object.entries(directions))('a call %s', (_, [steps, direction]) => {
    expect(play(...steps).calls[0]?.direction).toBe(direction);
  });

  test('an outsider has no device of the account', () => {
    expect(play(['call.CHANNEL_CREATE.a-leg', resource]).calls[0]?.from).toMatchObject({
      deviceId: undefined,
      userId: undefined,
    });
  });

  test('who has been called and is passed on is who calls then', () => {
    const [passed] = play(
      ...talk,
      ['call.CHANNEL_DESTROY.a-leg'],
      ['call.CHANNEL_CREATE.b-leg', { ...onC, 'Other-Leg-Call-ID': b }],
    ).calls;
    expect(passed).toMatchObject({ from: zoe, to: { name: 'Cem', number: '1003' }, state: 'ringing' });
  });

  test('who has answered stays who they are, though a transfer swaps what the switch calls them', () => {
    const swapped = { 'Callee-ID-Name': 'Ana Sousa', 'Callee-ID-Number': '1001' };
    const [same] = play(...talk, ['call.CHANNEL_ANSWER.b-leg', swapped]).calls;
    expect(same?.to).toMatchObject(zoe);
  });

  test('nobody is called by a loopback leg', () => {
    const [looped] = play(
      ['call.CHANNEL_CREATE.a-leg'],
      ['call.CHANNEL_CREATE.loopback'],
      ['call.CHANNEL_CREATE.b-leg', onC],
    ).calls;
    expect(looped).toMatchObject({ from: ana, to: { name: 'Cem', number: '1003' } });
    expect(looped?.legs.filter(({ isLoopback }) => isLoopback).map(({ id }) => id)).toEqual(['loop-0b7e@acme']);
  });

  test('a slot is told by who parks', () => {
    const parked = play(...talk, destroyed(b), ['call.PARK_PARKED']);
    expect(parked.calls[0]?.slot).toBe('101');
    expect(parked.play(['call.PARK_RETRIEVED']).calls[0]?.slot).toBeUndefined();
  });

  test('clocks that are apart show no other ages, and late events no younger calls', () => {
    const stage = new Stage();
    const behind = 300_000;
    const told = (now: number) => Math.floor((now - behind) / 1000) + 62_167_219_200;
    const createdAt = base - 60_000;
    stage.play([
      'call.CHANNEL_ANSWER.a-leg',
      { Timestamp: told(base), 'Channel-Created-Time': (createdAt - behind) * 1000 },
    ]);
    expect(Math.abs((stage.calls[0]?.since ?? 0) - createdAt)).toBeLessThanOrEqual(1100);
  });
});

describe('times', () => {
  const told = (at: number): number => Math.floor(at / 1000) + 62_167_219_200;
  const answer = (at: number, createdAt: number) =>
    normalize({
      ...kazooMessage('call.CHANNEL_ANSWER.a-leg'),
      Timestamp: told(at),
      'Channel-Created-Time': createdAt * 1000,
    }) as Fields;
  const at = base + 700;

  test('are the switch’s own, where the clocks agree to the second', () => {
    const picture = new Picture(() => true);
    picture.take({ family: 'call', account, data: answer(at, at - 9321), replayed: false }, at);
    expect(picture.calls.list[0]).toMatchObject({ since: at - 9321, answeredAt: at });
  });

  test('of what comes late are those of when it happened', () => {
    const picture = new Picture(() => true);
    picture.take({ family: 'call', account, data: answer(at - 60_000, at - 69_321), replayed: true }, at);
    expect(picture.calls.list[0]).toMatchObject({ since: at - 69_321, answeredAt: base - 60_000 });
  });
});

describe('what a list adds and removes', () => {
  const channels = kazooMessage('answer.query_account_channels_resp').Channels as Fields[];
  const listed = (changes: Fields, of = channels) => of.map((channel) => ({ ...channel, ...changes }));
  const sketch = channels.map((channel) =>
    Object.fromEntries(Object.entries(channel).filter(([name]) => !/caller_id|callee_id/.test(name))),
  );

  test('a board that opens in mid-call shows it: who with whom, and nothing that the list can’t know', () => {
    const stage = new Stage();
    expect(stage.list(channels)).toBe(true);
    expect(stage.states).toEqual(['talking: a talking, b talking']);
    expect(stage.calls[0]).toMatchObject({ id: a, from: ana, to: zoe, answeredAt: undefined, isSketch: true });
  });

  test('it takes the age from the list', () => {
    const stage = new Stage();
    const timestamp = Math.floor(base / 1000) + 62_167_219_200 - 95;
    stage.list(listed({ timestamp, elapsed_s: 100 }));
    expect(stage.calls[0]?.since).toBe(base - 95_000);
  });

  test('the long form has what the short one lacks', () => {
    const stage = new Stage();
    stage.list(sketch);
    expect(stage.calls[0]).toMatchObject({ from: { name: undefined }, isSketch: true });
    const long = kazooMessage('answer.query_channels_resp').Channels as Record<string, Fields>;
    stage.list(sketch.map((channel) => ({ ...(normalize(long[String(channel.uuid)]) as Fields), ...channel })));
    expect(stage.calls[0]).toMatchObject({ from: ana, to: zoe });
  });

  test('an event completes what a list has told', () => {
    const stage = new Stage();
    stage.list(sketch);
    stage.play(['call.CHANNEL_BRIDGE.a-leg'], ['call.CHANNEL_ANSWER.b-leg']);
    expect(stage.calls[0]).toMatchObject({ from: ana, to: zoe, isSketch: false });
  });

  test('what it lacks is over, and who misses a call is told so once', () => {
    const stage = play(...talk);
    expect(stage.list([])).toBe(true);
    expect(stage.states).toEqual(['ended: a ended, b ended']);
  });

  test('an incomplete one ends nothing, and adds what it has', () => {
    const stage = play(['call.CHANNEL_CREATE.a-leg', { 'Call-ID': 'x' }]);
    stage.list(channels, { isComplete: false });
    expect(stage.states).toEqual(['ringing: x ringing', 'talking: a talking, b talking']);
  });

  test('another account’s calls are not ended by it', () => {
    const stage = play(...create);
    const listing = { account: 'another', askedAt: stage.now + 5000, now: stage.now + 5000, isComplete: true };
    stage.picture.list('calls', [], listing);
    expect(stage.states).toEqual(['ringing: a ringing, b ringing']);
  });

  test('what events have told since it was asked for counts more', () => {
    const stage = play(...talk)
      .pass(5000)
      .play(['call.CHANNEL_HOLD.a-leg'], ['call.CHANNEL_CREATE.a-leg', { 'Call-ID': c }]);
    expect(stage.list(channels, { afterMs: 20, askedMs: 300 })).toBe(true);
    expect(stage.states).toEqual(['held: a held, b talking', 'ringing: c ringing']);
  });

  test('what they told right before makes it doubtful: it is asked for again', () => {
    const stage = play(...talk)
      .pass(5000)
      .play(['call.CHANNEL_HOLD.a-leg'], ['call.CHANNEL_CREATE.a-leg', { 'Call-ID': c }]);
    expect(stage.list(channels, { afterMs: 1000 })).toBe(false);
    expect(stage.states).toEqual(['held: a held, b talking', 'ringing: c ringing']);
    expect(stage.list(channels, { afterMs: 3000 })).toBe(true);
    expect(stage.states).toEqual(['talking: a talking, b talking', 'ended: c ended']);
  });

  test('it never takes an answer back, nor brings to life what has ended', () => {
    const stage = play(...talk, destroyed(b));
    stage.list(listed({ answered: false }), { afterMs: 5000 });
    expect(stage.states).toEqual(['talking: a talking, b ended']);
  });

  test('it ends a hold, and a parking where there is another end; a slot it can’t know', () => {
    const held = play(...talk, ['call.CHANNEL_HOLD.a-leg']);
    held.list(channels);
    expect(held.states).toEqual(['talking: a talking, b talking']);
    const parked = play(...talk, destroyed(b), ['call.PARK_PARKED']);
    parked.list(listed({ other_leg: undefined }, channels.slice(1)));
    expect(parked.calls[0]).toMatchObject({ state: 'parked', slot: '101' });
    parked.list(listed({ other_leg: c }, channels.slice(1)));
    expect(parked.calls[0]).toMatchObject({ state: 'talking', slot: undefined });
  });

  test('it joins and parts what events were missed of', () => {
    const stage = play(...talk);
    stage.list(listed({ other_leg: undefined }));
    expect(stage.states).toEqual(['talking: a talking', 'talking: b talking']);
    stage.list(channels);
    expect(stage.states).toEqual(['talking: a talking, b talking']);
    expect(stage.calls[0]?.id).toBe(a);
  });

  test('garbage in it harms nothing', () => {
    const stage = new Stage();
    const listing = { account, askedAt: base, now: base, isComplete: true };
    for (const garbage of [
      undefined,
      null,
      7,
      'x',
      {},
      [null, 7, 'x', [], { uuid: 7 }, { uuid: {} }, { __proto__: null }],
    ]) {
      stage.picture.list('calls', garbage, listing);
      stage.picture.list('conferences', garbage, listing);
      stage.picture.list('registrations', garbage, listing);
    }
    expect(stage.calls.map(({ id }) => id)).toEqual(['7']);
  });
});

test('an event costs what its own call costs, however many others there are', () => {
  let looks = 0;
  const picture = new Picture(() => {
    looks += 1;
    return true;
  });
  const stage = Object.assign(new Stage(), { picture }).play(...talk);
  for (let index = 0; index < 500; index += 1)
    stage.play(['call.CHANNEL_CREATE.a-leg', { 'Call-ID': `other-${index}` }]);
  expect(stage.calls).toHaveLength(501);
  looks = 0;
  for (const file of ['call.CHANNEL_HOLD.a-leg', 'call.CHANNEL_UNHOLD.a-leg', 'call.CHANNEL_DESTROY.a-leg']) {
    stage.play([file]);
    expect(stage.calls).toHaveLength(501);
  }
  expect(looks).toBe(3);
});

test('calls that are not wanted are not shown, and come when they are', () => {
  const picture = new Picture(({ state }) => state === 'held');
  const stage = Object.assign(new Stage(), { picture }).play(...talk);
  expect(stage.states).toEqual([]);
  expect([...picture.calls.changed()]).toEqual([]);
  stage.play(['call.CHANNEL_HOLD.a-leg']);
  expect(stage.states).toEqual(['held: a held, b talking']);
  expect([...picture.calls.changed()]).toEqual([a]);
  stage.play(['call.CHANNEL_UNHOLD.a-leg']);
  expect(stage.states).toEqual([]);
  expect([...picture.calls.changed()]).toEqual([a]);
});
