import { describe, expect, test } from 'vitest';
import { createCatalogue } from '../../src/families/catalogue.ts';
import { type PbxAccount, type PbxMessage, startPbx } from '../../src/simulator/pbx.ts';
import { createRandom } from '../../src/simulator/random.ts';
import { callEvents, documentTypes, notifications } from '../support/offers.ts';
import {
  accountIds,
  accounts,
  createFakeTimers,
  hour,
  minute,
  play,
  playedHour,
  second,
  text,
} from '../support/simulated-pbx.ts';

const playMs = hour;
const longPlay = playedHour();

describe('the play', () => {
  test('the same seed, accounts, speed and clock give the same messages', () => {
    expect(play(5 * minute)).toEqual(play(5 * minute));
  });

  test('another seed gives other messages', () => {
    expect(play(minute, { seed: 8 })).not.toEqual(play(minute));
  });

  test('an account plays the same whether or not others play beside it', () => {
    const alone = play(5 * minute, { accounts: accounts.slice(0, 1) });
    const together = play(5 * minute).map((message) => JSON.stringify(message));
    const others = together.filter((message) => /8c0f5a2b|spa(\.|%2E)harbour|conference\.command\.701/.test(message));
    expect(together.filter((message) => !others.includes(message))).toEqual(
      alone.map((message) => JSON.stringify(message)),
    );
    expect(others.length).toBeGreaterThan(100);
  });

  test('nothing is published before it returns, and something within the first second', () => {
    expect(play(0)).toEqual([]);
    for (let seed = 0; seed < 50; seed += 1) {
      const early = play(second, { seed });
      expect(accountIds.filter((id) => early.some((message) => JSON.stringify(message).includes(id)))).toEqual(
        accountIds,
      );
    }
  });

  test('an account sees one to four events a second, and ten times as many at speed 10', () => {
    const perSecond = longPlay.length / accounts.length / (playMs / second);
    expect(perSecond).toBeGreaterThan(1);
    expect(perSecond).toBeLessThan(4);
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
  const catalogueFor = (list: readonly PbxAccount[]) =>
    createCatalogue(
      { callEvents, documentTypes, notifications },
      {
        accountOfRealm: (realm) => list.find((account) => account.realm === realm)?.id,
        realmOf: (id) => list.find((account) => account.id === id)?.realm,
      },
    );

  /** Whose an event is; or why it is nobody's. */
  function ownersOf(messages: readonly PbxMessage[], list: readonly PbxAccount[]): Set<string> {
    const catalogue = catalogueFor(list);
    return new Set(
      messages.map(({ exchange, routingKey, payload }) => {
        const reading = catalogue.read(exchange, routingKey, payload).reading;
        return (
          (typeof reading === 'object' && reading.account) || `${exchange} ${routingKey}: ${JSON.stringify(reading)}`
        );
      }),
    );
  }

  test('is an event of its family, of one of the accounts', () => {
    expect([...ownersOf(longPlay, accounts)].sort()).toEqual(accountIds);
  });

  test('is recognised for accounts whose ids are not Kazoo ones, too', () => {
    const account = { id: 'tenant-42', name: 'Tenant', realm: 'tenant.example.com' };
    const messages = play(10 * minute, { accounts: [account] });
    expect([...ownersOf(messages, [account])]).toEqual([account.id]);
  });

  test('has an id of its own, a key that a broker takes, and the same text after JSON', () => {
    expect(new Set(longPlay.map((message) => text(message, 'Msg-ID'))).size).toBe(longPlay.length);
    expect(longPlay.filter(({ routingKey }) => Buffer.byteLength(routingKey) > 255)).toEqual([]);
    for (const { payload } of longPlay.slice(0, 500)) expect(JSON.parse(JSON.stringify(payload))).toEqual(payload);
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
