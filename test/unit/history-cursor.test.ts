import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CursorCipher, isCursorKey, newCursorKey } from '../../src/history/cursor.ts';

const position = fc.nat({ max: Number.MAX_SAFE_INTEGER });

test('a cursor is a short text that comes back as its position, the same with every object of the same key', () => {
  const key = newCursorKey();
  const [one, other] = [new CursorCipher(key), new CursorCipher(key)];
  fc.assert(
    fc.property(position, (at) => {
      expect(one.encode(at)).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
      expect(one.encode(at)).toBe(other.encode(at));
      expect(other.decode(one.encode(at))).toBe(at);
    }),
  );
});

test('a cursor of another key, a changed one and any other text are none', () => {
  const cipher = new CursorCipher(newCursorKey());
  const stranger = new CursorCipher(newCursorKey());
  fc.assert(
    fc.property(position, fc.nat({ max: 21 }), fc.constantFrom('A', 'b', '0', '_', '-'), (at, place, letter) => {
      expect(stranger.decode(cipher.encode(at))).toBeUndefined();
      const cursor = cipher.encode(at);
      const changed = cursor.slice(0, place) + letter + cursor.slice(place + 1);
      expect(cipher.decode(changed)).toBe(changed === cursor ? at : undefined);
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => cipher.decode(text) === undefined));
});

test('cursors of neighbours have nothing in common: nobody counts what others had', () => {
  const cipher = new CursorCipher(newCursorKey());
  const cursors = Array.from({ length: 256 }, (_, at) => cipher.encode(at));
  expect(new Set(cursors.map((cursor) => cursor.slice(0, 8))).size).toBe(256);
});

test('a key that is none is known before it is used', () => {
  expect(isCursorKey(newCursorKey())).toBe(true);
  for (const text of ['', 'short', `${newCursorKey()}x`, 'ä'.repeat(22)]) expect(isCursorKey(text)).toBe(false);
});
