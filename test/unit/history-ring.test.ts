import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type KeptEvent, Ring } from '../../src/history/ring.ts';

function event(position: number, account: string | undefined, bytes = 10): KeptEvent {
  const body = Buffer.alloc(bytes, String(position));
  return { position, account, exchange: 'callevt', routingKey: `call.X.${position}`, contentEncoding: undefined, body };
}

const seen = (events: Iterable<KeptEvent>) =>
  [...events].map(({ position, account, body }) => ({ position, account, body: body.toString() }));

test('an event comes back as it was, by position and by account', () => {
  const ring = new Ring(1_000_000);
  const kept = { ...event(7, 'a'), contentEncoding: 'gzip' };
  ring.append(kept);
  ring.append(event(9, 'b'));
  ring.append(event(10, undefined));
  const [found] = ring.behind(6);
  expect({ ...kept }).toMatchObject({ position: found?.position, account: found?.account, exchange: found?.exchange });
  expect(found).toMatchObject({ routingKey: 'call.X.7', contentEncoding: 'gzip' });
  expect(found?.body).toEqual(kept.body);
  expect(seen(ring.behind(7))).toEqual(seen([event(9, 'b'), event(10, undefined)]));
  expect(seen(ring.behind(0, 'b'))).toEqual(seen([event(9, 'b')]));
  expect(seen(ring.behind(0, 'nobody'))).toEqual([]);
});

test('what is kept are the latest, whatever the sizes, and never more than the limit allows', () => {
  const steps = fc.array(
    fc.record({
      account: fc.constantFrom('a', 'b', undefined),
      bytes: fc.oneof(fc.nat({ max: 2000 }), fc.nat({ max: 30_000 })),
      step: fc.integer({ min: 1, max: 3 }),
      evict: fc.boolean(),
    }),
    { maxLength: 80 },
  );
  fc.assert(
    fc.property(steps, fc.integer({ min: 5000, max: 60_000 }), (appended, limit) => {
      const ring = new Ring(limit);
      let model: KeptEvent[] = [];
      let position = 0;
      for (const { account, bytes, step, evict } of appended) {
        position += step;
        const added = event(position, account, bytes);
        const last = ring.append(added);
        model.push(added);
        if (last !== undefined) model = model.filter((kept) => kept.position > last);
        if (evict) {
          ring.evictThrough(position - 3);
          model = model.filter((kept) => kept.position > position - 3);
        }
        expect(ring.bytes).toBeLessThanOrEqual(limit + 30_000);
        expect(ring.length).toBe(model.length);
        expect(seen(ring.behind(-1))).toEqual(seen(model));
        for (const of of ['a', 'b']) {
          expect(seen(ring.behind(position - 4, of))).toEqual(
            seen(model.filter((kept) => kept.account === of && kept.position > position - 4)),
          );
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('an event that is larger than everything leaves nothing behind', () => {
  const ring = new Ring(10_000);
  ring.append(event(1, 'a'));
  expect(ring.append(event(2, 'a', 50_000))).toBe(2);
  expect(ring.length).toBe(0);
  expect(ring.append(event(3, 'a'))).toBeUndefined();
  expect(seen(ring.behind(0))).toEqual(seen([event(3, 'a')]));
});
