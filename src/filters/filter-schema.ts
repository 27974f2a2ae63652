/** Filters as clients and tokens bring them: `{PATH: CONDITION, …}`, checked to the last member, each fault with its place. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { isPayloadPath, stepsOf } from '../payload-steps.ts';
import type { AskedFilter, Condition, FieldPath, FilterSource, Test } from './filter.ts';

const maxPaths = 10;
const maxValues = 100;
const maxBytes = 8192;
const maxKeyCharacters = 64;

/** A text, number or boolean. */
type Value = string | number | boolean;

/** What is wrong, and where in the filter. */
class Fault extends Error {
  override readonly name = 'Fault';
  constructor(
    readonly place: readonly (string | number)[],
    message: string,
  ) {
    super(message);
  }
}

const values = `a text, a number, a boolean, or a list of 1 to ${maxValues} of those`;
const value = { type: ['string', 'number', 'boolean'] } as const;
const valueOrList = { anyOf: [value, { type: 'array', items: value, minItems: 1, maxItems: maxValues }] } as const;

/** By hand, since zod's records leave out a member called `__proto__`, which is a name like any other here. */
export const filterSchema = z
  .unknown()
  .transform((json, context): AskedFilter => {
    try {
      return parse(json);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      context.addIssue({ code: 'custom', message: error.message, path: [...error.place], input: json });
      return z.NEVER;
    }
  })
  // What JSON Schema shall say of it.
  .meta({
    description: 'only events whose payload meets all these conditions: paths in the payload, and what is there',
    type: 'object',
    minProperties: 1,
    maxProperties: maxPaths,
    additionalProperties: {
      anyOf: [
        ...valueOrList.anyOf,
        {
          type: 'object',
          minProperties: 1,
          maxProperties: 1,
          properties: { prefix: { type: 'string' }, not: valueOrList, exists: { type: 'boolean' } },
          additionalProperties: false,
        },
      ],
    },
  });

function parse(json: unknown): AskedFilter {
  if (!isObject(json)) throw new Fault([], 'must be an object of paths and conditions');
  const members = Object.entries(json);
  if (members.length === 0 || members.length > maxPaths) throw new Fault([], `must have 1 to ${maxPaths} paths`);
  const bytes = bytesOf(json);
  if (bytes > maxBytes) throw new Fault([], `must be at most ${maxBytes} bytes of JSON`);
  const conditions = members.map(([path, condition]): Condition => {
    return { path: pathOf(path), test: testOf(path, condition) };
  });
  // As pairs: an object would have members that look like numbers first, and the order of the others is the client's.
  const sorted = members.sort(([one], [other]) => (one < other ? -1 : 1));
  return { key: keyOf(JSON.stringify(sorted)), source: json, bytes, conditions };
}

function isObject(json: unknown): json is FilterSource {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

/** A digest where it is shorter: there may be many. */
function keyOf(json: string): string {
  return json.length <= maxKeyCharacters ? json : createHash('sha256').update(json).digest('base64');
}

/** A nesting too deep to print again is too large in any case. */
function bytesOf(json: FilterSource): number {
  try {
    return Buffer.byteLength(JSON.stringify(json));
  } catch (error) {
    if (error instanceof RangeError) return Infinity;
    throw error;
  }
}

function pathOf(text: string): FieldPath {
  if (!isPayloadPath(text)) {
    throw new Fault([text], 'must be a path in the payload: Custom-Channel-Vars.Authorizing-ID or Channels[0].uuid');
  }
  const steps = stepsOf(text);
  return { text: steps.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join(''), steps };
}

function testOf(path: string, condition: unknown): Test {
  if (!isObject(condition)) return { kind: 'any', of: textsOf([path], condition) };
  const members = Object.entries(condition);
  const [name, operand] = members[0] ?? [];
  if (members.length !== 1 || name === undefined) throw noCondition(path);
  const place = [path, name];
  switch (name) {
    case 'prefix':
      if (typeof operand === 'string') return { kind: 'prefix', text: operand };
      throw new Fault(place, 'must be a text');
    case 'not':
      return { kind: 'none', of: textsOf(place, operand) };
    case 'exists':
      if (typeof operand === 'boolean') return { kind: 'exists', isThere: operand };
      throw new Fault(place, 'must be true or false');
    default:
      throw noCondition(path);
  }
}

function noCondition(path: string): Fault {
  return new Fault([path], `must be ${values}, or an object with exactly one of prefix, not, exists`);
}

/** @returns the texts that a value is compared with: one, or those of a list */
function textsOf(place: readonly string[], operand: unknown): readonly string[] {
  if (!Array.isArray(operand)) return [textOf(place, operand, `must be ${values}`)];
  if (operand.length === 0 || operand.length > maxValues) throw new Fault(place, `must have 1 to ${maxValues} values`);
  const texts = operand.map((item, index) => textOf([...place, index], item, 'must be a text, a number or a boolean'));
  return [...new Set(texts)];
}

function textOf(place: readonly (string | number)[], operand: unknown, message: string): string {
  if (!isValue(operand)) throw new Fault(place, message);
  if (typeof operand === 'number' && !isExact(operand)) {
    throw new Fault(place, 'must be a number that JavaScript can hold exactly; give it as a text');
  }
  return String(operand);
}

function isValue(operand: unknown): operand is Value {
  return ['string', 'number', 'boolean'].includes(typeof operand);
}

/** A larger whole number became another one when it was read. */
function isExact(number: number): boolean {
  return Number.isInteger(number) ? Number.isSafeInteger(number) : Number.isFinite(number);
}
