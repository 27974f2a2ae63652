/** What is now, as tables: what is asked of the server for each, and how its answer is shown. */
import { z } from 'zod';
import { gregorianSeconds } from '../gregorian.ts';
import { callRows } from './calls.ts';
import { type Answer, accountPath, ask } from './rest.ts';
import type { Server } from './server.ts';
import { type Column, type Paint, shown, spanOf } from './terminal.ts';

/** What a server said. */
export interface Found {
  /** As the server said it. */
  readonly data: readonly unknown[];
  /** What is missing from it, in words. */
  readonly missing?: string | undefined;
}

export interface List {
  /** What its rows are, for one and for many. */
  readonly names: readonly [one: string, many: string];
  readonly columns: readonly Column[];
  find(server: Server): Promise<Found>;
  rowsOf(data: readonly unknown[]): string[][];
}

const entries = z.array(z.record(z.string(), z.unknown()));
type Entry = z.output<typeof entries>[number];

/** Rows of entries that are a row each. */
const rowsOf =
  (row: (entry: Entry) => string[]) =>
  (data: readonly unknown[]): string[][] =>
    entries.parse(data).map(row);

const asked =
  (what: string, query = '') =>
  async (server: Server): Promise<Found> =>
    foundIn(await ask(server, (await accountPath(server, what)) + query));

function foundIn(answer: Answer): Found {
  return { data: entries.parse(answer.data), missing: missingFrom(answer) };
}

function missingFrom({ partial, details_partial: details }: Answer): string | undefined {
  if (partial) return 'not everybody who was asked has answered: there may be more than these';
  return details ? 'there are more calls than those whose callers are known' : undefined;
}

const stateColours: Readonly<Record<string, keyof Paint>> = { talking: 'green', ringing: 'yellow', held: 'cyan' };
const state: Column = {
  head: 'STATE',
  paint: (cell, paint) => paint[stateColours[cell.trim()] ?? 'dim'](cell),
};
const id = (head: string): Column => ({ head, paint: (cell, paint) => paint.dim(cell) });

/** How long ago a time of Kazoo's was, seconds since the year 0. */
function ago(time: unknown): string {
  const seconds = Number(time);
  return Number.isFinite(seconds) && seconds > 0 ? spanOf(gregorianSeconds(Date.now()) - seconds) : '';
}

export const lists = {
  calls: {
    names: ['call', 'calls'],
    columns: [
      { head: 'FOR', isNumber: true },
      state,
      { head: 'DIRECTION' },
      { head: 'FROM' },
      { head: 'TO' },
      id('CALL'),
    ],
    find: asked('channels', '?details=true'),
    rowsOf: (data) => callRows(data, Date.now()),
  },
  conferences: {
    names: ['conference', 'conferences'],
    columns: [
      { head: 'FOR', isNumber: true },
      { head: 'CONFERENCE' },
      { head: 'PEOPLE', isNumber: true },
      { head: 'MODERATORS', isNumber: true },
      { head: 'LOCKED' },
      id('ID'),
    ],
    find: asked('conferences'),
    rowsOf: rowsOf((one) => [
      spanOf(Number(one.run_time ?? 0)),
      shown(one.name),
      shown(one.participant_count),
      shown(one.moderators),
      one.is_locked === true ? 'locked' : '',
      shown(one.uuid),
    ]),
  },
  registrations: {
    names: ['registration', 'registrations'],
    columns: [
      { head: 'USER' },
      { head: 'SINCE', isNumber: true },
      { head: 'ADDRESS' },
      { head: 'DEVICE' },
      { head: 'CONTACT' },
    ],
    find: asked('registrations'),
    rowsOf: rowsOf((one) => [
      shown(one.username),
      ago(one.initial_registration ?? one.event_timestamp),
      shown(one.source_ip ?? one.network_ip ?? one.proxy_ip),
      shown(one.user_agent),
      shown(one.contact),
    ]),
  },
  sockets: {
    names: ['socket', 'sockets'],
    columns: [
      { head: 'FOR', isNumber: true },
      { head: 'NAME' },
      { head: 'FROM' },
      { head: 'NODE' },
      { head: 'BINDINGS', isNumber: true },
      id('SOCKET'),
    ],
    find: findSockets,
    rowsOf: rowsOf((one) => [
      ago(one.timestamp),
      shown(one.name),
      shown(one.source),
      shown(one.destination),
      String(Array.isArray(one.bindings) ? one.bindings.length : 0),
      shown(one.websocket_session_id),
    ]),
  },
  bindings: {
    names: ['binding', 'bindings'],
    columns: [{ head: 'FAMILY' }, { head: 'EVENT' }, { head: 'BINDING' }],
    find: findBindings,
    rowsOf: rowsOf((one) => [shown(one.family), shown(one.event), shown(one.binding)]),
  },
  accounts: {
    names: ['account', 'accounts'],
    columns: [{ head: 'NAME' }, { head: 'REALM' }, { head: 'ACCOUNT' }, id('BELOW')],
    find: asked('descendants'),
    rowsOf: rowsOf((one) => [shown(one.name), shown(one.realm), shown(one.id), shown(one.parent_id)]),
  },
} as const satisfies Record<string, List>;

export type ListName = keyof typeof lists;

/** The server hands out a page at a time. */
async function findSockets(server: Server): Promise<Found> {
  const path = await accountPath(server, 'websockets');
  const data: Entry[] = [];
  let missing: string | undefined;
  for (let startKey: string | undefined; ; ) {
    const from: string = startKey === undefined ? '' : `&start_key=${encodeURIComponent(startKey)}`;
    const answer = await ask(server, `${path}?dialect=kazoo4${from}`);
    data.push(...entries.parse(answer.data));
    missing ??= missingFrom(answer);
    if (answer.next_start_key === undefined) return { data, missing };
    startKey = answer.next_start_key;
  }
}

const offers = z.record(z.string(), z.array(z.object({ binding: z.string(), event: z.string() })));

/** What can be subscribed to, which is no secret: no token is needed. */
async function findBindings(server: Server): Promise<Found> {
  const { data } = await ask(server, 'v2/websockets?dialect=classic', { isPublic: true });
  return {
    data: Object.entries(offers.parse(data)).flatMap(([family, own]) => own.map((offer) => ({ family, ...offer }))),
  };
}
