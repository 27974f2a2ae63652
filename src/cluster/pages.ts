/**
 * Lists of sockets, a page at a time: in the order of their ids, which is the same on every node. A list that nobody wants in
 * pages, and that fits on one, is in the order in which the sockets came.
 */
import type { SocketRecord } from './messages.ts';

/** Most records of a page. */
export const maxPageRecords = 10_000;
/** A page ends with the record that reaches this, bytes of JSON. */
export const maxPageBytes = 1_048_576;
/** What the id of a socket takes in a list, bytes. */
const idBytes = 64;

export interface PageRequest {
  /** The id to begin with; undefined: the first. */
  readonly startKey: string | undefined;
  /** undefined: nobody asked for pages. */
  readonly limit: number | undefined;
  /** The records have ids and nothing else. */
  readonly idsOnly: boolean;
}

export interface Page {
  readonly records: readonly SocketRecord[];
  /** What the next page begins with; undefined: this is the last one. */
  readonly nextStartKey: string | undefined;
  /** What it takes as JSON, more or less. */
  readonly bytes: number;
}

/** A socket that may be on a page: only those that are have their records made. */
export interface Listed {
  readonly id: string;
  record(): SocketRecord;
}

/** @param maxBytes of the page; at least one record is on it, however large that is */
export function pageOf(all: Iterable<Listed>, request: PageRequest, maxBytes = maxPageBytes): Page {
  const { startKey, limit } = request;
  const listed: Listed[] = [];
  for (const item of all) if (startKey === undefined || item.id >= startKey) listed.push(item);
  if (startKey === undefined && limit === undefined) {
    const whole = firstOf(listed, request, maxBytes);
    if (whole.nextStartKey === undefined) return whole;
  }
  listed.sort((one, other) => (one.id < other.id ? -1 : 1));
  return firstOf(listed, request, maxBytes);
}

function firstOf(listed: readonly Listed[], { idsOnly, limit = maxPageRecords }: PageRequest, maxBytes: number): Page {
  const records: SocketRecord[] = [];
  let bytes = 0;
  for (const item of listed) {
    if (records.length >= limit || bytes >= maxBytes) return { records, nextStartKey: item.id, bytes };
    const record = idsOnly ? idOnly(item.id) : item.record();
    records.push(record);
    bytes += idsOnly ? idBytes : JSON.stringify(record).length;
  }
  return { records, nextStartKey: undefined, bytes };
}

/** The page of all nodes, of what each answered to the same request. */
export function mergePages(pages: readonly Page[], request: PageRequest): Page {
  // Of what comes behind the first page's end, some node has told nothing.
  const ends = pages.map(({ nextStartKey }) => nextStartKey).filter((key) => key !== undefined);
  const end = ends.length === 0 ? undefined : ends.reduce((one, other) => (one < other ? one : other));
  const byId = new Map<string, SocketRecord>();
  for (const { records } of pages) for (const record of records) byId.set(record.websocket_session_id, record);
  const known = [...byId].filter(([id]) => end === undefined || id < end);
  const merged = pageOf(
    known.map(([id, record]) => ({ id, record: () => record })),
    request,
  );
  return { ...merged, nextStartKey: merged.nextStartKey ?? end };
}

function idOnly(id: string): SocketRecord {
  return { websocket_session_id: id, bindings: [], options: [] };
}
