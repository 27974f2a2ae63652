/** What goes wrong, with a code for programs. */

/** A refusal of the server's, with its code and text; or one of ours: `timeout`, `closed`, `connection_lost`, `token_failed`. */
export class HorizonError extends Error {
  override readonly name = 'HorizonError';

  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const passing = new Set(['source_unavailable', 'rate_limited', 'internal', 'timeout']);
const ofTokens = new Set(['token_required', 'token_invalid', 'token_expired']);

export function codeOf(error: unknown): string {
  return error instanceof HorizonError ? error.code : '';
}

/** Whether it passes by itself, so that one may ask again. */
export function isPassing(error: unknown): boolean {
  return passing.has(codeOf(error));
}

/** Whether it takes another token. */
export function isOfToken(error: unknown): boolean {
  return ofTokens.has(codeOf(error));
}

/** Whether asking again would be answered the same. */
export function isRefusal(error: unknown): error is HorizonError {
  const isOther = isPassing(error) || isOfToken(error) || codeOf(error) === 'connection_lost';
  return error instanceof HorizonError && !isOther;
}

/** Whether a message that was refused so would be refused with fewer bindings as well. */
export function isOfMessage(error: unknown): boolean {
  return codeOf(error) === 'account_unauthorized';
}
