/**
 * The board beside the PBX: whatever is lost, comes twice or comes late, and whenever a list is asked for, the board
 * shows what the PBX has, and nothing else.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Picture } from '../../src/client/board/picture.ts';
import { obey } from '../../src/simulator/operator.ts';
import { startPbx } from '../../src/simulator/pbx.ts';
import { mediaServers } from '../../src/simulator/stage.ts';
import {
  answersOf,
  type BoardEvent,
  boardEvent,
  callsOfBoard,
  callsOfPbx,
  lampsOfBoard,
  lampsOfPbx,
  registrationsOfBoard,
  registrationsOfPbx,
  roomsOfBoard,
  roomsOfPbx,
} from '../support/board-pbx.ts';
import { accounts, createFakeTimers } from '../support/simulated-pbx.ts';

const [account] = accounts as [(typeof accounts)[number]];

/** A PBX, a board, and what is between them. */
class World {
  readonly timers = createFakeTimers();
  readonly picture = new Picture(() => true);
  readonly #undisturbed = new Set<string>();
  readonly #missed = new Set<string>();
  readonly #missedParking = new Set<string>();
  #recent: BoardEvent[] = [];
  #waiting: BoardEvent[] | undefined;
  #isLosing = false;
  /** Whether a list is needed before the board can be right. */
  isUnsure = false;
  readonly #pbx;

  constructor(seed: number) {
    this.#pbx = startPbx({
      accounts: [account],
      seed,
      timers: this.timers,
      publish: (message) => {
        const event = boardEvent(message, account);
        const { payload } = message;
        if (payload['Event-Name'] === 'update') {
          const user = String(payload['From-User']);
          if (payload.State === 'confirmed') this.#undisturbed.add(user);
          else this.#undisturbed.delete(user);
        }
        if (event !== undefined) this.#hear(event);
      },
    });
  }

  #hear(event: BoardEvent): void {
    if (this.#isLosing) this.#miss(event);
    else if (this.#waiting !== undefined) this.#waiting.push(event);
    else this.#take(event);
  }

  #take(event: BoardEvent): void {
    this.#recent = [...this.#recent.slice(-40), event];
    const { data } = event;
    if (isOfNoList(event)) this.#missed.delete(lampOf(event));
    if (String(data.event_name).startsWith('PARK_')) this.#missedParking.delete(String(data.call_id));
    this.picture.take(event, this.timers.now());
  }

  /** What no list tells is unknown until it is told again. */
  #miss(event: BoardEvent): void {
    this.isUnsure = true;
    const { data } = event;
    if (isOfNoList(event)) this.#missed.add(lampOf(event));
    if (data.event_name === 'PARK_PARKED') this.#missedParking.add(String(data.call_id));
  }

  get missesSomething(): boolean {
    return this.#missed.size + this.#missedParking.size > 0;
  }

  pass(ms: number): void {
    const end = this.timers.now() + ms;
    while (this.timers.now() < end) {
      this.timers.advance(Math.min(1000, end - this.timers.now()));
      this.picture.sweep(this.timers.now());
    }
  }

  /** Events are lost for a while, and nobody tells more than that. */
  lose(ms: number): void {
    this.#isLosing = true;
    // Nothing from before a gap comes behind it.
    this.#recent = [];
    this.pass(ms);
    this.#isLosing = false;
  }

  /** The connection is away, and what happened comes late. */
  resume(ms: number): void {
    const waiting: BoardEvent[] = [];
    this.#waiting = waiting;
    this.pass(ms);
    this.#waiting = undefined;
    for (const event of waiting) this.#take({ ...event, replayed: true });
  }

  repeat(count: number): void {
    for (const event of this.#recent.slice(-count)) this.picture.take({ ...event, replayed: true }, this.timers.now());
  }

  /** Asks what there is: the answer is of some moment after the question, and comes at another. */
  list(thinkMs: number, wayMs: number, isComplete: boolean): void {
    const askedAt = this.timers.now();
    this.pass(thinkMs);
    const answers = answersOf(this.#pbx, account, isComplete ? mediaServers : mediaServers.slice(1));
    this.pass(wayMs);
    const listing = { account: account.id, askedAt, now: this.timers.now(), isComplete };
    let isWhole = this.picture.list('calls', answers.channels, listing);
    isWhole = this.picture.list('conferences', answers.conferences, listing) && isWhole;
    isWhole = this.picture.list('registrations', answers.registrations, listing) && isWhole;
    for (const [name, room] of answers.participants) {
      isWhole = this.picture.listMembers(name, room, listing) && isWhole;
    }
    if (isComplete && isWhole) this.isUnsure = false;
  }

  command(action: 'hangup' | 'hold' | 'resume' | 'park' | 'transfer' | 'intercept', which: number): void {
    const [playing] = this.#pbx.playing;
    if (playing === undefined) return;
    const channels = [...playing.line.channels];
    const callId = channels[which % Math.max(1, channels.length)]?.callId;
    const person = playing.office.people[which % playing.office.people.length];
    if (callId === undefined || person === undefined) return;
    const data = { target: person.extension, target_type: 'user' as const, target_id: person.id };
    obey(playing, { 'Event-Name': 'action', 'Call-ID': callId, Action: action, Data: data });
  }

  /** Both sides, as they are now. */
  sides(): readonly [board: object, pbx: object] {
    const [pbx] = this.#pbx.snapshot();
    if (pbx === undefined) throw new Error('no account');
    const now = this.timers.now();
    const unknown = { parking: this.#missedParking };
    const isMissed = (user: string): boolean => this.#missed.has(user);
    return [
      {
        calls: callsOfBoard(this.picture, unknown),
        rooms: roomsOfBoard(this.picture),
        registrations: registrationsOfBoard(this.picture, now),
        lamps: lampsOfBoard(this.picture, isMissed),
      },
      {
        calls: callsOfPbx(pbx, unknown),
        rooms: roomsOfPbx(pbx),
        registrations: registrationsOfPbx(pbx, now),
        lamps: lampsOfPbx(pbx, this.#undisturbed, isMissed, (device) => this.#extensionOf(device)),
      },
    ];
  }

  #extensionOf(device: string): string | undefined {
    const people = this.#pbx.playing.flatMap(({ office }) => office.people);
    return people.find(({ devices }) => devices.some(({ id }) => id === device))?.extension;
  }

  /**
   * Who retrieves a parked call, or takes over one, is joined with it a moment before an event says so; and legs that one
   * has left behind stay together for some seconds.
   */
  expectSame(): void {
    const isSame = (): boolean => {
      const [board, pbx] = this.sides();
      return JSON.stringify(board) === JSON.stringify(pbx);
    };
    for (const waitMs of [0, 6000]) {
      this.pass(waitMs);
      for (let tries = 0; tries < 20; tries += 1) {
        if (isSame()) return;
        this.pass(15);
      }
    }
    const [board, pbx] = this.sides();
    expect(board).toEqual(pbx);
  }

  stop(): void {
    this.#pbx.stop();
  }
}

/** What no list can make up for: lamps that no call lights. */
const isOfNoList = ({ family, data }: BoardEvent): boolean =>
  family === 'presence' && (data.event_name !== 'dialog_update' || data.app_name === 'park');

const lampOf = ({ data }: BoardEvent): string => {
  const user = String(data.event_name === 'mwi_update' ? data.to_user : data.from_user);
  return data.event_name === 'mwi_update' ? `mailbox ${user}` : user;
};

const actions = ['hangup', 'hold', 'resume', 'park', 'transfer', 'intercept'] as const;
const ms = (most: number) => fc.integer({ min: 0, max: most });
const stepArbitrary = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: ms(20_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('resume' as const), ms: ms(30_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('lose' as const), ms: ms(30_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('repeat' as const), count: ms(40) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('list' as const),
      think: ms(500),
      way: ms(1500),
      isComplete: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('command' as const), action: fc.constantFrom(...actions), which: ms(20) }),
  },
);

function run(seed: number, steps: readonly (typeof stepArbitrary extends fc.Arbitrary<infer T> ? T : never)[]): World {
  const world = new World(seed);
  // The board comes into the middle of it.
  world.lose(20_000);
  world.list(5, 5, true);
  for (const step of steps) {
    if (step.kind === 'pass') world.pass(step.ms);
    else if (step.kind === 'resume') world.resume(step.ms);
    else if (step.kind === 'lose') world.lose(step.ms);
    else if (step.kind === 'repeat') world.repeat(step.count);
    else if (step.kind === 'list') world.list(step.think, step.way, step.isComplete);
    else world.command(step.action, step.which);
    if (!world.isUnsure) world.expectSame();
  }
  for (let tries = 0; world.isUnsure && tries < 5; tries += 1) {
    world.pass(2000);
    world.list(5, 5, true);
  }
  expect(world.isUnsure).toBe(false);
  world.expectSame();
  world.stop();
  return world;
}

test('the board equals the PBX after any history of losses, resumes, repeats, lists and commands', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e6 }),
      fc.array(stepArbitrary, { minLength: 1, maxLength: 25 }),
      (seed, steps) => {
        run(seed, steps);
      },
    ),
    { numRuns: Number(process.env.BOARD_RUNS ?? 100) },
  );
}, 120_000);

test('with every event, nothing is unknown, and the board equals the PBX at all times', () => {
  const world = new World(11);
  world.list(0, 0, true);
  for (let minutes = 0; minutes < 60; minutes += 1) {
    world.pass(60_000);
    world.expectSame();
  }
  expect(world.missesSomething).toBe(false);
  world.stop();
});
