/** Whose a token is, as far as that can be read without its key. What it is worth the server decides. Pure. */
import { isRecord, textOf } from './message.ts';

/** What a token says of itself. @returns undefined where it is opaque: Crossbar has such tokens */
export function claimsOf(token: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const base64 = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isRecord(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

/** @returns undefined where the token is opaque */
export function accountOf(token: string): string | undefined {
  return textOf(claimsOf(token)?.account_id);
}
