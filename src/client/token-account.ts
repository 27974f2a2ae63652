/** Whose a token is, as far as that can be read without its key. What it is worth the server decides. Pure. */
import { isRecord, textOf } from './message.ts';

/** @returns undefined where the token is opaque */
export function accountOf(token: string): string | undefined {
  try {
    const base64 = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isRecord(claims) ? textOf(claims.account_id) : undefined;
  } catch {
    return undefined;
  }
}
