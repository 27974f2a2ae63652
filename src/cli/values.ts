/** Values of options: spans of time, counts, JSON. */
import { Failure } from './failure.ts';

const msPerUnit: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** What `setTimeout` takes. ms */
const longestMs = 2 ** 31 - 1;

/** @returns `30s`, `500ms`, `2m`, `1h`, `7d` in milliseconds, `mostMs` at most @throws Failure badUsage */
export function spanMs(option: string, text: string, mostMs = longestMs): number {
  const match = /^(\d{1,9})(ms|[smhd])$/.exec(text);
  const ms = Number(match?.[1]) * (msPerUnit[match?.[2] ?? ''] ?? Number.NaN);
  if (Number.isNaN(ms) || ms === 0 || ms > mostMs) {
    throw new Failure('badUsage', `${option}: ${text} is no time; its form is 500ms, 30s, 5m, 1h or 7d`);
  }
  return ms;
}

/** @returns a cursor of the server's history as it was given @throws Failure badUsage where it can't be one */
export function cursorOf(option: string, text: string): string {
  if (/^[\w-]{22}$/.test(text)) return text;
  throw new Failure('badUsage', `${option}: ${text} is no cursor; an event's own stands in its frame (--json)`);
}

/** @throws Failure badUsage */
export function countOf(option: string, text: string): number {
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text);
  throw new Failure('badUsage', `${option}: ${text} is no whole number above 0`);
}

/** @throws Failure badUsage where it is no JSON object */
export function jsonObjectOf(name: string, text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Failure('badUsage', `${name}: it is not JSON (${error.message.split('\n')[0]})`, { cause: error });
  }
  throw new Failure('badUsage', `${name}: it must be a JSON object, {…}`);
}
