/** How a command ends when it can't be done: with a line that says what to do, and an exit code that scripts can go by. */
import { ConfigError, isBadArgument } from '../errors.ts';

/** docs/COMMAND-LINE.md lists the same, and a test compares the two. */
export const commandExits = {
  done: 0,
  /** Whatever is none of the others: no such call, nobody listens, a fault. */
  fault: 1,
  /** What was typed, or a setting, can't be used. */
  badUsage: 2,
  /** The server, or the broker, doesn't let this token or user do that. */
  refused: 3,
  /** Nobody answers there. */
  unreachable: 4,
} as const;

export type FailureKind = Exclude<keyof typeof commandExits, 'done'>;

/** Why a command could not be done. Its message is for people, in a line, and says what to do where that is known. */
export class Failure extends Error {
  override readonly name = 'Failure';
  /** What the server answered over HTTP, where that is why. */
  readonly status: number | undefined;

  constructor(
    readonly kind: FailureKind,
    message: string,
    { status, ...options }: ErrorOptions & { readonly status?: number } = {},
  ) {
    super(message, options);
    this.status = status;
  }
}

/** What the network says when nobody is there, and when somebody who was there goes. */
const lineErrors: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  ENOTFOUND: 'no such host is known',
  EAI_AGAIN: 'the name can not be looked up now',
  ETIMEDOUT: 'it does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
  UND_ERR_SOCKET: 'the connection was cut',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'its certificate is signed by itself (NODE_EXTRA_CA_CERTS names a file of those to trust)',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is of an authority that is not known (NODE_EXTRA_CA_CERTS)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is of an authority that is not known (NODE_EXTRA_CA_CERTS)',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

/** @returns why the other side can't be reached, in words; undefined where this is another kind of error */
export function lineFault(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error ? String(error.code) : '';
  if (Object.hasOwn(lineErrors, code)) return lineErrors[code];
  if (error.name === 'TimeoutError') return 'it does not answer';
  if (error instanceof AggregateError) return error.errors.map(lineFault).find((fault) => fault !== undefined);
  return error.cause === undefined ? undefined : lineFault(error.cause);
}

/** @returns what a process ends with for this */
export function exitOf(error: unknown): number {
  if (error instanceof Failure) return commandExits[error.kind];
  if (error instanceof ConfigError || isBadArgument(error)) return commandExits.badUsage;
  return lineFault(error) === undefined ? commandExits.fault : commandExits.unreachable;
}
