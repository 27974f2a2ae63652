/**
 * A seeded source of chance, so that the demo's story can be told again exactly. It owns no other randomness, and it is
 * nothing for secrets: whoever knows the seed knows all that comes.
 */

/** Draws in order: the same seed and the same questions give the same answers. */
export interface Random {
  /** From 0 (included) to 1 (excluded). */
  next(): number;
  /** @throws RangeError when the list is empty */
  pick<T>(list: readonly T[]): T;
  /** A whole number, both ends included. */
  between(min: number, max: number): number;
  /** Lower-case hex digits. */
  hex(digits: number): string;
  /** @param probability 0: never, 1: always */
  chance(probability: number): boolean;
}

/** @param seed any number; its fraction is ignored */
export function createRandom(seed: number): Random {
  const next = smallFastCounter(seed);
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    pick<T>(list: readonly T[]): T {
      if (list.length === 0) throw new RangeError('nothing to pick from');
      return list[below(list.length)] as T;
    },
    between: (min, max) => min + below(max - min + 1),
    hex(digits) {
      let text = '';
      while (text.length < digits)
        text += below(2 ** 32)
          .toString(16)
          .padStart(8, '0');
      return text.slice(0, digits);
    },
    chance: (probability) => next() < probability,
  };
}

/** Chris Doty-Humphrey's sfc32: 128 bits of state, so that ids drawn from several seeds don't meet. */
function smallFastCounter(seed: number): () => number {
  let a = Math.floor(seed) | 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = 0x9e3779b9 | 0;
  let counter = 1;

  function next(): number {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  }

  // Seeds that lie side by side give alike first numbers until the state is mixed.
  for (let round = 0; round < 15; round += 1) next();
  return next;
}
