/** Whose calls are looked at: the token's own account, one below it, or those below as well. */
import { computed, effect, signal } from '@preact/signals';
import { param } from '../address.ts';
import { hasScope } from '../token.ts';
import { accountPath, ask, Refused } from './rest.ts';
import { ownAccount, phase, token, tokenFacts } from './session.ts';

export interface AccountEntry {
  readonly id: string;
  readonly name: string | null;
  readonly realm: string | null;
  readonly parent_id: string;
}

/** As many as one board shows. */
export const mostAccounts = 20;

/** Those below the token's own account; undefined: not known yet. */
export const descendants = signal<readonly AccountEntry[] | undefined>(undefined);

/** Before the first of the tries after one that failed; it doubles with each. ms */
const firstRetryMs = 2000;
const mostRetryMs = 60_000;

/** Asks anew whenever somebody else is in. What fails in passing is asked again, and what was known stays. */
effect(() => {
  const own = ownAccount.value;
  if (phase.value !== 'in' || own === undefined || token.value === '') return undefined;
  // A refusal that is foreseen is not asked for: browsers put each on the console as an error.
  if (!hasScope(tokenFacts.value, 'events')) return undefined;
  let isOver = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const askFor = (retryMs: number): void => {
    void ask<readonly AccountEntry[]>(`${accountPath(own)}/descendants`)
      .then(({ data }) => {
        if (!isOver) descendants.value = data;
      })
      .catch((error: unknown) => {
        if (isOver) return;
        // Who may not know them has nothing to pick from: the own account is shown as ever.
        if (error instanceof Refused && error.status === 403) descendants.value = [];
        else timer = setTimeout(() => askFor(Math.min(retryMs * 2, mostRetryMs)), retryMs);
      });
  };
  askFor(firstRetryMs);
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
});

/** The account that is picked; undefined: it isn't known which, and the token's own is meant. */
export const account = computed(() => param('account') || ownAccount.value);
export const withBelow = computed(() => param('below') === 'yes');

/** Below the picked one, at whatever depth. */
export const below = computed(() => {
  const all = descendants.value ?? [];
  const within = new Set([account.value]);
  for (const { id, parent_id } of all) if (within.has(parent_id)) within.add(id);
  return all.filter(({ id }) => id !== account.value && within.has(id));
});

/** As a text, which is equal where the ids are: an array would be another one with each answer of the server's. */
const shownText = computed(() => {
  const top = account.value;
  if (top === undefined) return '[]';
  const all = withBelow.value ? [top, ...below.value.map(({ id }) => id)] : [top];
  return JSON.stringify(all.slice(0, mostAccounts));
});

/** All whose calls are shown; an empty list stands for the token's own. The same array as long as the ids are. */
export const shownAccounts = computed(() => JSON.parse(shownText.value) as readonly string[]);

/** How many more there would be than one board shows. */
export const leftOut = computed(() => (withBelow.value ? Math.max(0, below.value.length + 1 - mostAccounts) : 0));

const names = computed(() => new Map((descendants.value ?? []).map(({ id, name }) => [id, name])));
/** What events call their accounts: nobody else tells what the token's own is called. */
const heardNames = signal<ReadonlyMap<string, string>>(new Map());
const mostHeard = 200;

/** An event has told what an account is called. */
export function noteAccountName(id: string, name: string): void {
  const heard = heardNames.peek();
  if (heard.get(id) === name || heard.size >= mostHeard) return;
  heardNames.value = new Map([...heard, [id, name]]);
}

/** Somebody else may come. */
export function forgetAccounts(): void {
  descendants.value = undefined;
  heardNames.value = new Map();
}

/** What an account is called; its id where nobody knows. */
export function accountName(id: string): string {
  return names.value.get(id) ?? heardNames.value.get(id) ?? (id.length > 12 ? `${id.slice(0, 8)}…` : id);
}
