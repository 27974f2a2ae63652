/** Whose a token is, as far as that can be read without its key. What it is worth the server decides. Pure. */
import { isRecord, textOf } from './message.ts';

/** What a token says of itself. @returns undefined where it is opaque: Crossbar has such tokens */
export function claimsOf(token: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const bytes = Uint8Array.from(payloadOf(token), (character) => character.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isRecord(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

/** @returns undefined where the token is opaque */
export function accountOf(token: string): string | undefined {
  try {
    // An account's id is plain letters: that the rest may not be is of no interest here, and the code is small.
    const claims = JSON.parse(payloadOf(token)) as { readonly account_id?: unknown };
    return textOf(claims.account_id);
  } catch {
    return undefined;
  }
}

/** A character for each byte. */
function payloadOf(token: string): string {
  return atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'));
}
