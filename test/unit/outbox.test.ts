import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Batch } from '../../src/socket/batch.ts';
import { Frame, type WireFrame } from '../../src/socket/frame.ts';
import { Outbox, type Recipient } from '../../src/socket/outbox.ts';

/** A socket that takes everything at once, or keeps what it is given until `drain`: by reference, as the kernel's queue. */
class TestSocket implements Recipient {
  isOpen = true;
  batch: Batch | undefined;
  tail: Buffer | undefined;
  spilled: Buffer[] | undefined;
  received = Buffer.alloc(0);
  writes = 0;
  #held: Buffer[] = [];
  #isCorked = false;

  constructor(private readonly isSlow: boolean) {}

  write(bytes: Buffer): void {
    this.#held.push(bytes);
    if (!this.#isCorked) this.#leave();
  }

  cork(): void {
    this.#isCorked = true;
  }

  uncork(): void {
    this.#isCorked = false;
    this.#leave();
  }

  #leave(): void {
    this.writes += 1;
    if (!this.isSlow) this.drain();
  }

  /** What was held is read now, and not when it was written. */
  drain(): void {
    this.received = Buffer.concat([this.received, ...this.#held]);
    this.#held = [];
  }

  get unsentBytes(): number {
    return this.#held.reduce((sum, { length }) => sum + length, 0);
  }
}

const quiet = { onFlushStart: () => undefined, onFlushed: () => undefined, onUnsent: () => undefined };

function flushed(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

const frames = ['one', 'two', 'three'].map((name) => new Frame([Buffer.from(`{"name":"${name}"`)]));
const tails = ['a', 'b', 'cc'].map((id) => Buffer.from(`,"request_id":"${id}"}`));

function withTail(frame: WireFrame, tail: Buffer | undefined): Buffer {
  const bytes = Buffer.from(frame.bytes);
  if (tail !== undefined) tail.copy(bytes, frame.holeAt);
  return bytes;
}

/** What is sent to which of the sockets. */
const sends = fc.array(
  fc.oneof(
    fc.record({ to: fc.nat(5), frame: fc.nat(2), tail: fc.option(fc.nat(2), { nil: undefined }) }),
    fc.record({ to: fc.nat(5), own: fc.string({ minLength: 1, maxLength: 5 }) }),
    fc.record({ everybody: fc.nat(2), tailEach: fc.boolean() }),
    fc.constant({ turn: true }),
  ),
  { maxLength: 60 },
);

describe('whatever is sent', () => {
  test('every socket gets its own in order, with its own tails', async () => {
    await fc.assert(
      fc.asyncProperty(sends, fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }), async (steps, slow) => {
        const sockets = slow.map((isSlow) => new TestSocket(isSlow));
        const expected = sockets.map(() => [] as Buffer[]);
        const outbox = new Outbox<TestSocket>(quiet);
        const add = (to: number, index: number, tail: Buffer | undefined): void => {
          const { text } = frames[index] as Frame;
          const frame = tail === undefined ? text.plain : text.withHole(tail.length);
          outbox.add(sockets[to] as TestSocket, frame, tail);
          expected[to]?.push(withTail(frame, tail));
        };
        for (const step of steps) {
          if ('turn' in step) await flushed();
          else if ('own' in step) {
            outbox.addOwn(sockets[step.to] as TestSocket, Buffer.from(step.own));
            expected[step.to]?.push(Buffer.from(step.own));
          } else if ('everybody' in step) {
            for (const to of sockets.keys()) add(to, step.everybody, step.tailEach ? tails[to % 3] : undefined);
          } else add(step.to, step.frame, step.tail === undefined ? undefined : tails[step.tail]);
        }
        await flushed();
        for (const [to, socket] of sockets.entries()) {
          socket.drain();
          expect(socket.received.toString()).toBe(Buffer.concat(expected[to] ?? []).toString());
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('one write a turn and socket', () => {
  test('however many frames', async () => {
    const socket = new TestSocket(false);
    const outbox = new Outbox<TestSocket>(quiet);
    for (const { text } of frames) outbox.add(socket, text.plain, undefined);
    outbox.addOwn(socket, Buffer.from('own'));
    for (const { text } of frames) outbox.add(socket, text.plain, undefined);
    expect(socket.writes).toBe(0);
    await flushed();
    expect(socket.writes).toBe(1);
  });

  test('in the turn in which it was sent', async () => {
    const socket = new TestSocket(false);
    const outbox = new Outbox<TestSocket>(quiet);
    outbox.add(socket, (frames[0] as Frame).text.plain, undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect(socket.writes).toBe(1);
  });
});

test('what a socket is owed can be written at once, before it is closed', () => {
  const socket = new TestSocket(false);
  const outbox = new Outbox<TestSocket>(quiet);
  outbox.add(socket, (frames[0] as Frame).text.plain, undefined);
  outbox.flushNow(socket);
  expect(socket.received).toEqual((frames[0] as Frame).text.plain.bytes);
});

test('a socket that is closed gets nothing more', async () => {
  const socket = new TestSocket(false);
  const outbox = new Outbox<TestSocket>(quiet);
  outbox.add(socket, (frames[0] as Frame).text.plain, undefined);
  socket.isOpen = false;
  await flushed();
  expect(socket.writes).toBe(0);
});

test('who did not take all is told of', async () => {
  const unsent: TestSocket[] = [];
  const outbox = new Outbox<TestSocket>({ ...quiet, onUnsent: (socket) => unsent.push(socket) });
  const [quick, slow] = [new TestSocket(false), new TestSocket(true)];
  for (const socket of [quick, slow]) outbox.add(socket, (frames[0] as Frame).text.plain, undefined);
  await flushed();
  expect(unsent).toEqual([slow]);
});

test('a flush is told of at its beginning and its end, also when nothing was sent', async () => {
  const told: string[] = [];
  const outbox = new Outbox<TestSocket>({
    ...quiet,
    onFlushStart: () => told.push('start'),
    onFlushed: () => told.push('flushed'),
  });
  outbox.schedule();
  await flushed();
  expect(told).toEqual(['start', 'flushed']);
});

test('large writes let other work come in between after a few of them: a flush is counted in bytes, too', async () => {
  let written = 0;
  class LazySocket extends TestSocket {
    override write(bytes: Buffer): void {
      super.write(bytes);
      written += 1;
      // As long as the kernel may take to copy so much.
      const endsAt = performance.now() + 3;
      while (performance.now() < endsAt);
    }
  }
  const outbox = new Outbox<LazySocket>(quiet);
  const large = new Frame([Buffer.alloc(65_536, 'x')]).text.plain;
  for (let count = 0; count < 40; count += 1) outbox.add(new LazySocket(false), large, undefined);
  let most = 0;
  while (written < 40) {
    const before = written;
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, written - before);
  }
  expect(most).toBeLessThanOrEqual(8);
});
