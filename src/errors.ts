/**
 * Two tables: what a client may be told in an error reply (the socket lives), and why a socket ends.
 * docs/PROTOCOL.md lists the same names and codes; a test compares the two.
 */
import type { ZodError } from 'zod';

/**
 * Codes of error replies, each with the text that stands first in `errors` when a step gives no better one, and the HTTP
 * status of the same refusal over REST.
 */
export const actionErrors = {
  /** The frame is no JSON text. */
  invalid_json: { text: 'invalid JSON', status: 400 },
  /** The JSON is not the message that this server understands; the text names the field. */
  invalid_message: { text: 'invalid message', status: 400 },
  /** `action` names nothing that this server does. */
  unknown_action: { text: 'unknown action', status: 400 },
  /** No token was ever accepted on this socket. The client may send one and try again. */
  token_required: { text: 'authentication token required', status: 401 },
  /** The token that came with this message is not valid. What the socket held before is kept. */
  token_invalid: { text: 'failed to authenticate token', status: 401 },
  /** The token was good once; the client logs in anew and sends a fresh one. Its subscriptions are suspended until then. */
  token_expired: { text: 'failed to authenticate token: it has expired', status: 401 },
  /** The account is not the token's own nor below it, or `*` without the right to it, or a token of another account. */
  account_unauthorized: { text: 'unauthorized account id', status: 403 },
  /** The token narrows itself by `scope` or `families`, and this is outside of it. */
  scope_missing: { text: 'the token does not allow this', status: 403 },
  /** A subscribe without any binding. */
  binding_missing: { text: 'empty subscription', status: 400 },
  /** The binding names a family or an event that this server does not offer. */
  binding_unsupported: { text: 'no available subscriptions to requested binding', status: 400 },
  /** The family is known, but the binding is not of its form. */
  binding_invalid: { text: 'invalid format for subscription', status: 400 },
  /** The socket, its account, or the node at the broker, would hold more than its limit. */
  too_many_bindings: { text: 'too many bindings', status: 429 },
  /** The token is good, but its account has as many sockets on this node as it may. The socket is closed. */
  too_many_sockets: { text: 'too many sockets', status: 429 },
  /** More messages than the limit; this one had no effect. */
  rate_limited: { text: 'rate limit exceeded', status: 429 },
  /** What lies behind this server (the broker, the token authority) did not answer in time. Nothing was kept. */
  source_unavailable: { text: 'the event source is not available', status: 503 },
  /** There is no such thing, or none of this account. */
  not_found: { text: 'not found', status: 404 },
  /** The answer is larger than a socket takes; the text names the REST path that has it. */
  too_large: { text: 'the result is too large for a socket', status: 500 },
  /** A fault of this server. Its log has the whole story. */
  internal: { text: 'internal error', status: 500 },
} as const;

export type ActionErrorCode = keyof typeof actionErrors;

/** What a step throws to answer one client frame, or one REST request, with an error. */
export class ActionError extends Error {
  override readonly name = 'ActionError';
  constructor(
    readonly code: ActionErrorCode,
    message: string = actionErrors[code].text,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Why a socket is closed by this server. 1012 and 4000 to 4499 invite a reconnect, 4500 to 4999 tell the client to
 * stay away; the others are those of RFC 6455, section 7.4.1.
 */
export const closeReasons = {
  /** The client breaks RFC 6455. ws closes with this code by itself, and with the three that say so. */
  protocol_error: { code: 1002, text: 'protocol error' },
  /** The client sent a binary frame. */
  binary_frame: { code: 1003, text: 'binary frames are not understood' },
  /** A text that is not UTF-8, or can't be inflated. By ws. */
  not_text: { code: 1007, text: 'not UTF-8' },
  /** More than ten malformed messages that time has not forgiven. */
  malformed: { code: 1008, text: 'too many malformed messages' },
  /** Pings or pongs far over the rate limit, and on. */
  control_flood: { code: 1008, text: 'too many pings or pongs' },
  /** A message in more fragments, or a frame in more pieces, than anybody needs. By ws. */
  too_fragmented: { code: 1008, text: 'too many fragments' },
  /** A message over MAX_MESSAGE_BYTES, or over 16 KiB from a socket that never had a token. By ws. */
  too_large: { code: 1009, text: 'message too large' },
  /** The node drains. The text is replaced by `{"reconnect":MS}`. */
  restart: { code: 1012, text: 'restart' },
  /** No valid token for AUTH_TIMEOUT_SECONDS. */
  unauthenticated: { code: 4001, text: 'not authenticated' },
  /** The account has as many sockets as it may: the token came too late. */
  too_many_sockets: { code: 4029, text: 'too many sockets of this account' },
  /** More unsent, or something unsent for longer, than the limits allow. */
  slow_consumer: { code: 4008, text: 'slow consumer' },
  /** An administrator closed it over REST. */
  closed_by_administrator: { code: 4500, text: 'closed by an administrator' },
} as const;

export type CloseReason = keyof typeof closeReasons;

/** The codes of RFC 6455, section 7.4.1, with which sockets end at other hands than ours: the client's, the browser's, ws's. */
export const standardCloseCodes = [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011] as const;

/** What the process ends with. */
export const exitCodes = {
  /** After a drain, or a command that was done. */
  done: 0,
  /** A setting or an argument that can't be used: EX_CONFIG of sysexits.h. */
  badConfiguration: 78,
  anythingElse: 1,
} as const;

/** @returns the exit code of a process that ends for this */
export function exitCodeOf(error: unknown): number {
  return error instanceof ConfigError || isBadArgument(error) ? exitCodes.badConfiguration : exitCodes.anythingElse;
}

/** A setting that can't be used. `main` prints the lines, joined to one. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** @param lines one sentence a fault, each beginning with the setting's name */
  constructor(readonly lines: readonly string[]) {
    super(lines.join('\n'));
  }
}

/** Whether a command was called with an option that it doesn't have. */
export function isBadArgument(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

/**
 * What a schema refused, in a line: its own message has several.
 * @param whole what stands for the place of a fault that is nowhere in particular
 */
export function firstFault({ issues: [issue] }: ZodError, whole: string): string {
  return `${issue?.path.join('.') || whole}: ${issue?.message}`;
}

/** The message of whatever was thrown, for a log line or a person. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
