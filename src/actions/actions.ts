/** The actions of this server. A new one is a file beside this and a line here. */
import type { Action } from './action.ts';
import { command } from './command.ts';
import { ping } from './ping.ts';
import { query } from './query.ts';
import { subscribe } from './subscribe.ts';
import { unsubscribe } from './unsubscribe.ts';

export const actions: readonly Action[] = [subscribe, unsubscribe, ping, query, command];
