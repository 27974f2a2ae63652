/**
 * What events and lists of the server say, read member by member: kazoo4's spelling, in which both come. What isn't
 * there, or isn't what it should be, counts as unsaid.
 */

/** Members of an event, or of an entry of a list. */
export type Data = Readonly<Record<string, unknown>>;

/** Kazoo counts seconds from the year 0. */
const gregorianOffset = 62_167_219_200;
/** A difference of clocks that is no more than its seconds and the way of a message is none. ms */
const accuracyMs = 2500;
/** What is further off is no clock's fault. ms */
const mostMs = 86_400_000;

/** The first of the members that is a text that isn't empty, or a number. */
export function text(data: Data, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = data[name];
    if ((typeof value === 'string' && value !== '') || typeof value === 'number') return String(value);
  }
  return undefined;
}

/** A number, or a text that is one; Kazoo writes both. */
export function number(data: Data, name: string): number | undefined {
  const value = Number(text(data, name));
  return Number.isFinite(value) ? value : undefined;
}

/** Kazoo writes true and "true". */
export function flag(data: Data, name: string): boolean | undefined {
  const value = String(data[name]);
  return value === 'true' || (value === 'false' ? false : undefined);
}

/** A member that is an object; empty where it isn't. */
export function part(data: Data, name: string): Data {
  const value = data[name];
  return typeof value === 'object' && value !== null ? (value as Data) : {};
}

/** Entries of a list that are objects. */
export function entries(list: unknown): readonly Data[] {
  return Array.isArray(list) ? list.filter((entry) => typeof entry === 'object' && entry !== null) : [];
}

/** What is said of somebody's own line, be it in its variables or beside them: lists have it there. */
export const ownText = (data: Data, name: string): string | undefined =>
  text(part(data, 'custom_channel_vars'), name) ?? text(data, name);

/** Whose line it is, of the account's own users and devices. */
export function ownerOf(data: Data): { readonly userId: string | undefined; readonly deviceId: string | undefined } {
  const isDevice = (ownText(data, 'authorizing_type') ?? 'device') === 'device';
  return { userId: ownText(data, 'owner_id'), deviceId: isDevice ? ownText(data, 'authorizing_id') : undefined };
}

/** Unix time in ms, from seconds since the year 0. */
export function unixMs(gregorianSeconds: number | undefined): number | undefined {
  return gregorianSeconds === undefined ? undefined : (gregorianSeconds - gregorianOffset) * 1000;
}

/**
 * The server's clock beside our own. Messages can only be late, so that the least that one was late by is how far apart
 * the clocks are.
 */
export class ServerClock {
  #behindMs: number | undefined;

  /** @param serverMs when it was sent; @param now when it came, without having waited for us */
  hear(serverMs: number | undefined, now: number): void {
    if (serverMs === undefined) return;
    const behind = now - serverMs;
    if (Math.abs(behind) < mostMs) this.#behindMs = Math.min(behind, this.#behindMs ?? behind);
  }

  /** A time of the server's by our own clock, never later than now; now where nothing was said. */
  local(serverMs: number | undefined, now: number): number {
    const behind = this.#behindMs ?? 0;
    const difference = Math.abs(behind) > accuracyMs ? behind : 0;
    return serverMs === undefined ? now : Math.min(serverMs + difference, now);
  }
}
