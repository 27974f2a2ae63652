/** What makes of something right something wrong. All chance comes from the seed. */
import type { Random } from '../../src/simulator/random.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Values that programs stumble over. */
function strange(random: Random): Json {
  return random.pick<() => Json>([
    () => null,
    () => true,
    () => -0,
    () => 1e308,
    () => 2 ** 53,
    () => -1,
    () => 0.1,
    () => '',
    () => ' ',
    () => '\u0000',
    () => '\ud800',
    () => '☎'.repeat(random.between(1, 300)),
    () => 'x'.repeat(random.between(1, 5000)),
    () =>
      random.pick([
        '*',
        '#',
        '.',
        '..',
        'a.b',
        '__proto__',
        'constructor',
        '%2E',
        '../..',
        '\r\nX: y',
        '$(x)',
        '\u202e',
      ]),
    () => [],
    () => ({}),
    () => Array(random.between(1, 2000)).fill(random.between(0, 9)),
    () => nested(random.between(1, 2000)),
    () => JSON.parse('{"__proto__":{"auth_token":"x"},"constructor":{"prototype":{}}}') as Json,
  ])();
}

function nested(depth: number): Json {
  let value: Json = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

/** Changes one place of a value, somewhere. */
export function mutateJson(value: Json, random: Random): Json {
  if (typeof value !== 'object' || value === null || random.chance(0.2)) return strange(random);
  if (Array.isArray(value)) return mutateList(value, random);
  const copy = { ...value };
  const keys = Object.keys(copy);
  const key = keys.length === 0 || random.chance(0.1) ? 'added' : random.pick(keys);
  const change = random.next();
  if (change < 0.15) delete copy[key];
  else if (change < 0.25) copy[key.toUpperCase()] = copy[key] ?? null;
  else copy[key] = mutateJson(copy[key] ?? null, random);
  return copy;
}

function mutateList(list: readonly Json[], random: Random): Json[] {
  const copy = [...list];
  const at = random.between(0, copy.length);
  if (random.chance(0.3)) copy.splice(at, 1);
  else if (random.chance(0.5)) copy.splice(at, 0, strange(random));
  else for (let count = random.between(1, 300); count > 0; count -= 1) copy.push(copy[0] ?? 1);
  return copy;
}

/** Changes some bytes: flips, cuts, repeats, inserts. */
export function mutateBytes(bytes: Buffer, random: Random): Buffer {
  let result = Buffer.from(bytes);
  for (let count = random.between(1, 4); count > 0; count -= 1) {
    const at = random.between(0, Math.max(0, result.length - 1));
    const change = random.next();
    if (change < 0.4 && result.length > 0) result[at] = (result[at] as number) ^ (1 << random.between(0, 7));
    else if (change < 0.6) result = result.subarray(0, at);
    else if (change < 0.8)
      result = Buffer.concat([result.subarray(0, at), anyBytes(random, random.between(1, 20)), result.subarray(at)]);
    else result = Buffer.concat([result, result.subarray(at)]);
  }
  return result;
}

export function anyBytes(random: Random, count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, () => random.between(0, 255)));
}
