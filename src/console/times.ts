/** Times and figures as people read them, in their own zone and locale. */
import { unixMs as sinceUnixEpoch } from '../client/board/reading.ts';

const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const exactFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const countFormat = new Intl.NumberFormat();
const rateFormat = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1, minimumFractionDigits: 1 });

/** @returns `12:03`, with the day where it is another one */
export function clockTime(at: number, now = Date.now()): string {
  const isToday = new Date(at).toDateString() === new Date(now).toDateString();
  return (isToday ? clockFormat : dayFormat).format(at);
}

/** @returns `12:03:07` */
export function exactTime(at: number): string {
  return exactFormat.format(at);
}

export function dayAndTime(at: number): string {
  return dayFormat.format(at);
}

export function count(number: number): string {
  return countFormat.format(number);
}

/** With one digit behind the point. */
export function rate(number: number): string {
  return rateFormat.format(number);
}

/** @returns `0:07`, `12:34`, `1:02:03` */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (number: number): string => String(number).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** For a screen reader, and as ISO 8601 wants it in `datetime`. */
export function isoDuration(ms: number): string {
  return `PT${Math.max(0, Math.floor(ms / 1000))}S`;
}

/** Unix ms of seconds since the year 0, as Kazoo counts them. */
export function unixMs(gregorianSeconds: unknown): number | undefined {
  const ms = sinceUnixEpoch(Number(gregorianSeconds));
  return ms !== undefined && Number.isFinite(ms) && ms > 0 ? ms : undefined;
}
