import { describe, expect, test } from 'vitest';
import { Backlog, type Debtor } from '../../src/socket/backlog.ts';

class TestSocket implements Debtor {
  givenBytes = 0;
  isPaced = false;
  takenBytes = 0;
  closeCode: number | undefined;
  looks = 0;

  get unsentBytes(): number {
    this.looks += 1;
    return this.givenBytes - this.takenBytes;
  }

  close(): void {
    this.closeCode = 4008;
  }
}

const limits = { slowConsumerBytes: 1_000_000, slowConsumerSeconds: 5, maxUnsentBytes: 1_000_000 };

function give(backlog: Backlog<TestSocket>, socket: TestSocket, bytes: number, now: number): void {
  socket.givenBytes += bytes;
  backlog.check(socket, now);
}

describe('anything unsent for longer than SLOW_CONSUMER_SECONDS closes a socket', () => {
  test('and nothing does before', () => {
    const backlog = new Backlog<TestSocket>(limits);
    const socket = new TestSocket();
    give(backlog, socket, 10, 100);
    for (let now = 1000; now <= 5100; now += 1000) backlog.check(socket, now);
    backlog.check(socket, 5100);
    expect(socket.closeCode).toBeUndefined();
    backlog.check(socket, 5101);
    expect(socket.closeCode).toBe(4008);
  });

  test('also what was given just behind something that did get through', () => {
    const backlog = new Backlog<TestSocket>(limits);
    const socket = new TestSocket();
    give(backlog, socket, 10, 0);
    give(backlog, socket, 10, 700);
    give(backlog, socket, 10, 1400);
    // The first two leave late, but in time; the third never does.
    for (let now = 2000; now <= 4000; now += 1000) backlog.check(socket, now);
    socket.takenBytes = 20;
    for (let now = 5000; now <= 6000; now += 1000) backlog.check(socket, now);
    expect(socket.closeCode).toBeUndefined();
    backlog.check(socket, 7000);
    expect(socket.closeCode).toBe(4008);
  });

  test('but a socket that catches up only when nothing leaves at all', () => {
    const backlog = new Backlog<TestSocket>(limits);
    const socket = new TestSocket();
    socket.isPaced = true;
    give(backlog, socket, 1000, 0);
    for (let now = 1000; now <= 20_000; now += 1000) {
      socket.takenBytes += 10;
      give(backlog, socket, 10, now);
    }
    expect(socket.closeCode).toBeUndefined();
    for (let now = 21_000; now <= 25_000; now += 1000) give(backlog, socket, 1, now);
    expect(socket.closeCode).toBeUndefined();
    backlog.check(socket, 25_001);
    expect(socket.closeCode).toBe(4008);
  });

  test('within a second and a half, however the rest comes behind it', () => {
    const backlog = new Backlog<TestSocket>(limits);
    const socket = new TestSocket();
    let now = 0;
    for (; socket.closeCode === undefined && now < 20_000; now += 10) give(backlog, socket, 1, now);
    expect(now).toBeGreaterThan(5000);
    expect(now).toBeLessThan(6500);
  });

  test('a socket that always lags by a little less stays', () => {
    const backlog = new Backlog<TestSocket>(limits);
    const socket = new TestSocket();
    for (let now = 0; now < 60_000; now += 100) {
      socket.takenBytes = Math.max(0, now / 100 - 48);
      give(backlog, socket, 1, now);
    }
    expect(socket.closeCode).toBeUndefined();
  });
});

describe('MAX_UNSENT_BYTES', () => {
  test('is looked at in the middle of a flush: the worst goes as soon as all have too much together', () => {
    const backlog = new Backlog<TestSocket>({ ...limits, maxUnsentBytes: 1000 });
    const sockets = [500, 300, 150].map((bytes) => {
      const socket = new TestSocket();
      give(backlog, socket, bytes, 0);
      return socket;
    });
    expect(sockets.map(({ closeCode }) => closeCode)).toEqual([undefined, undefined, undefined]);
    give(backlog, new TestSocket(), 100, 0);
    expect(sockets.map(({ closeCode }) => closeCode)).toEqual([4008, undefined, undefined]);
  });

  test('counts what was paid meanwhile, and does not count it for each socket anew', () => {
    const backlog = new Backlog<TestSocket>({ ...limits, maxUnsentBytes: 100_000 });
    const sockets = Array.from({ length: 1000 }, () => new TestSocket());
    for (const socket of sockets) give(backlog, socket, 99, 0);
    for (let round = 1; round <= 10; round += 1) {
      for (const socket of sockets) {
        socket.takenBytes = socket.givenBytes;
        give(backlog, socket, 99, round);
      }
    }
    for (const socket of sockets) give(backlog, socket, 1, 11);
    for (const socket of sockets) {
      socket.takenBytes = socket.givenBytes - 99;
      give(backlog, socket, 1, 12);
    }
    backlog.checkTotal();
    expect(sockets.filter(({ closeCode }) => closeCode !== undefined)).toEqual([]);
    const looks = sockets.reduce((sum, socket) => sum + socket.looks, 0);
    expect(looks).toBeLessThan(sockets.length * 40);
  });

  test('is kept to the byte at the end of a flush', () => {
    const backlog = new Backlog<TestSocket>({ ...limits, maxUnsentBytes: 1000 });
    const [worst, other, third] = [new TestSocket(), new TestSocket(), new TestSocket()];
    give(backlog, worst, 600, 0);
    give(backlog, other, 400, 0);
    worst.takenBytes = 10;
    give(backlog, third, 1, 0);
    give(backlog, worst, 11, 0);
    backlog.checkTotal();
    expect([worst, other, third].map(({ closeCode }) => closeCode)).toEqual([4008, undefined, undefined]);
  });
});

test('a socket that is being closed is nobody’s concern', () => {
  const backlog = new Backlog<TestSocket>(limits);
  const socket = new TestSocket();
  socket.closeCode = 1012;
  give(backlog, socket, 2_000_000, 0);
  backlog.checkTotal();
  expect(socket.closeCode).toBe(1012);
});
