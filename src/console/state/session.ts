/** Who the page is to the server: its token, and the connection that is made with it. */
import { computed, signal } from '@preact/signals';
import { connect } from '../../client/client.ts';
import type { Horizon, Status } from '../../client/types.ts';
import { keepToken, keptToken } from '../storage.ts';
import { dayAndTime } from '../times.ts';
import { mayCommand, readToken } from '../token.ts';
import { words } from '../words.ts';

/** `asking`: there is no token that the server takes. `out`: connected no more, and not coming back by itself. */
type Phase = 'starting' | 'asking' | 'in' | 'out';

interface DemoAccess {
  readonly token: string;
  readonly account: string;
}

export const phase = signal<Phase>('starting');
/** Why there is no token that does, in words; empty: nobody has given one yet. */
export const tokenTrouble = signal('');
/** Whether the server took the last token that somebody gave, for a while at least. */
export const wasTaken = signal(false);
export const token = signal('');
export const isDemo = signal(false);
export const horizon = signal<Horizon | undefined>(undefined);
export const status = signal<Status | undefined>(undefined);

const facts = computed(() => readToken(token.value));
const demoAccount = signal<string | undefined>(undefined);
const toldAccount = signal<string | undefined>(undefined);
/** The token's own account, where somebody has told which. */
export const ownAccount = computed(() => facts.value.account ?? demoAccount.value ?? toldAccount.value);
export const canCommand = computed(() => mayCommand(facts.value));
export const tokenFacts = facts;

const ofTokens = /\((token_\w+|account_unauthorized)\)$/;

/** A demo listens on loopback only, so anywhere else there is nothing to ask for. */
const isLoopback = /^(localhost|127\.[\d.]+|\[::1\])$/.test(location.hostname);

async function askDemo(): Promise<DemoAccess | undefined> {
  if (!isLoopback) return undefined;
  const response = await fetch('/demo', { headers: { Accept: 'application/json' } });
  if (response.status !== 200) return undefined;
  const { data } = (await response.json()) as { data: { token: string; account_id: string } };
  return { token: data.token, account: data.account_id };
}

/** The demo makes its token anew at each start; the one from before a restart is worth nothing. */
async function giveToken(): Promise<string> {
  if (isDemo.peek()) {
    const access = await askDemo();
    if (access === undefined) throw new Error(words.token.demoGone);
    token.value = access.token;
  }
  const { expiresAt } = facts.peek();
  if (expiresAt !== undefined && expiresAt <= Date.now()) throw new Error(words.token.ended(dayAndTime(expiresAt)));
  return token.peek();
}

export async function start(): Promise<void> {
  const access = await askDemo().catch(() => undefined);
  if (access !== undefined) {
    isDemo.value = true;
    demoAccount.value = access.account;
    token.value = access.token;
  } else {
    token.value = keptToken();
  }
  if (token.value === '') phase.value = 'asking';
  else open();
}

/** Takes a token that somebody has given. */
export function logIn(given: string): void {
  wasTaken.value = false;
  token.value = given;
  keepToken(given);
  open();
}

/** @param trouble why; empty: somebody wants it */
export function logOut(trouble = ''): void {
  close();
  keepToken('');
  token.value = '';
  tokenTrouble.value = trouble;
  phase.value = 'asking';
}

/** Comes back at once, after a close that nothing comes back from by itself. */
export function comeBack(): void {
  phase.value = 'in';
  horizon.peek()?.open();
}

function close(): void {
  const before = horizon.peek();
  horizon.value = undefined;
  status.value = undefined;
  before?.close();
}

function open(): void {
  close();
  tokenTrouble.value = '';
  toldAccount.value = undefined;
  const opened = connect({ url: '/', token: giveToken });
  opened.addEventListener('status', () => onStatus(opened));
  status.value = opened.status;
  horizon.value = opened;
  phase.value = 'in';
}

function onStatus(opened: Horizon): void {
  if (horizon.peek() !== opened) return;
  const now = opened.status;
  status.value = now;
  if (opened.account !== undefined) toldAccount.value = opened.account;
  if (now.state !== 'closed') {
    if (now.state === 'open' && now.source !== 'unknown') wasTaken.value = true;
    if (phase.peek() === 'out') phase.value = 'in';
    return;
  }
  const reason = now.reason ?? '';
  if (ofTokens.test(reason) && !isDemo.peek()) logOut(reason);
  else phase.value = 'out';
}

/** Once a second: figures in the status change without a word. */
export function refreshStatus(): void {
  const opened = horizon.peek();
  if (opened !== undefined) status.value = opened.status;
}
