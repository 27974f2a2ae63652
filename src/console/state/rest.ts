/** The public REST side. */
import { words } from '../words.ts';
import { token } from './session.ts';

/** An answer that is a refusal, in the server's own words. */
export class Refused extends Error {
  override readonly name = 'Refused';
  constructor(
    /** 0: there was no answer. */
    readonly status: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface Answer<Data> {
  readonly data: Data;
  /** Some node did not answer in time. */
  readonly partial?: boolean;
  readonly next_start_key?: string;
}

/** @throws Refused */
export async function ask<Data>(path: string, method: 'GET' | 'DELETE' = 'GET'): Promise<Answer<Data>> {
  const headers = { Accept: 'application/json', 'X-Auth-Token': token.peek() };
  const response = await fetch(path, { method, headers }).catch((cause: unknown) => {
    // What browsers say of it is different in each, and in none for people.
    throw new Refused(0, words.noAnswer, { cause });
  });
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return body as Answer<Data>;
  const { message = response.statusText } = (body ?? {}) as { message?: string };
  throw new Refused(response.status, message);
}

export function accountPath(account: string): string {
  return `/v2/accounts/${encodeURIComponent(account)}`;
}
