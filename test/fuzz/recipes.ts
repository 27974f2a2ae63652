/**
 * How each error code is reached for certain, so that a run which misses one says something: chance alone would miss some in
 * a few seconds. Type-checked: a new code has a line here, either its messages or the reason why no client can bring it about.
 */
import type { ActionErrorCode } from '../../src/errors.ts';
import { frameBytes, opcodes } from '../support/frames.ts';
import { tenants, type World } from './world.ts';

/** Messages, sent one after the other on a socket of their own; on each of `recipeSockets`, which are open together. */
export type Recipe = (world: World) => readonly (object | string)[];

const subscribe = (token: string | undefined, data: object): object => ({
  action: 'subscribe',
  auth_token: token,
  data,
});
const withToken =
  (data: object): Recipe =>
  ({ tokens }) => [subscribe(tokens.good[1], data)];

export const recipes: Readonly<Record<ActionErrorCode, Recipe | { readonly unreachable: string }>> = {
  invalid_json: () => ['{"action":'],
  invalid_message: withToken({ bindings: ['call.*.*', 1] }),
  unknown_action: () => [{ action: 'nothing' }],
  token_required: () => [subscribe(undefined, { binding: 'call.*.*' })],
  token_invalid: () => [subscribe('a.b.c', { binding: 'call.*.*' })],
  token_expired: ({ tokens }) => [subscribe(tokens.expired, { binding: 'call.*.*' })],
  account_unauthorized: withToken({ account_id: tenants[1], binding: 'call.*.*' }),
  scope_missing: ({ tokens }) => [subscribe(tokens.narrow, { binding: 'call.*.*' })],
  binding_missing: withToken({ bindings: [] }),
  binding_unsupported: withToken({ binding: 'nothing.like.this' }),
  binding_invalid: withToken({ binding: 'call.CHANNEL_CREATE' }),
  too_many_bindings: withToken({ bindings: Array.from({ length: 251 }, (_, index) => `call.*.${index}`) }),
  rate_limited: () => Array.from({ length: 250 }, () => ({ action: 'ping' })),
  // Said to the last of many sockets: see `recipeSockets`.
  too_many_sockets: ({ tokens }) => [subscribe(tokens.good[2], { binding: 'call.*.*' })],
  not_found: { unreachable: 'REST alone says it, as a status' },
  too_large: { unreachable: 'it takes a media node that answers half a megabyte' },
  // Its key is at a server that is not there: see `world.ts`.
  source_unavailable: ({ tokens }) => [subscribe(tokens.unknown, { binding: 'call.*.*' })],
  internal: { unreachable: 'it is a fault of the server, and a run that sees it fails' },
};

/** So many sockets of an account the server under attack lets in. */
export const maxSocketsOfAccount = 20;

/** How many sockets a recipe takes; one, if it is not named. */
export const recipeSockets: Readonly<Partial<Record<ActionErrorCode, number>>> = {
  too_many_sockets: maxSocketsOfAccount + 5,
};

/** Frames after which the server closes with each of these codes. The others take longer, or somebody with more rights. */
export const closeRecipes: ReadonlyMap<number, readonly Buffer[]> = new Map([
  [1002, [frameBytes('x', { reserved: 1 })]],
  [1003, [frameBytes('x', { opcode: opcodes.binary })]],
  [1007, [frameBytes(Buffer.from([0xff]))]],
  [1008, Array.from({ length: 12 }, () => frameBytes('no JSON'))],
  [1009, [frameBytes('', { claimedBytes: 2 ** 20 })]],
]);
