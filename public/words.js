/** What machines say, in words for people: error codes, ends of calls. */

/** What to do about an error reply, by its code. Those whose text says it all are not here. */
const advice = new Map([
  ['token_required', 'Paste a token first.'],
  ['account_unauthorized', 'A token sees its own account and those below it; “*” is for superduper admins.'],
  ['binding_missing', 'Type a binding, or pick one from the list.'],
  ['binding_unsupported', 'The list shows what this server offers.'],
  ['binding_invalid', 'A call binding looks like call.CHANNEL_CREATE.*; the list shows the other forms.'],
  ['rate_limited', 'Wait a moment and try again.'],
  ['internal', "The server's log has the whole story."],
]);

/**
 * @param {string} code of an error reply
 * @param {string} text its first error
 * @returns {string} sentences
 */
export function errorWords(code, text) {
  const sentence = `${text.charAt(0).toUpperCase()}${text.slice(1)}.`.replace(/\.\.$/, '.');
  // Presence is on the list, and can't be had all the same by an account without a realm: the server says so itself.
  const more = text.startsWith('presence ') ? undefined : advice.get(code);
  return more === undefined ? sentence : `${sentence} ${more}`;
}

const causes = new Map([
  ['NORMAL_CLEARING', 'hung up'],
  ['NO_ANSWER', 'no answer'],
  ['NO_USER_RESPONSE', 'no answer'],
  ['USER_BUSY', 'busy'],
  ['ORIGINATOR_CANCEL', 'caller gave up'],
  ['CALL_REJECTED', 'rejected'],
  ['UNALLOCATED_NUMBER', 'no such number'],
]);

/**
 * @param {string} cause `Hangup-Cause`; may be empty
 * @returns {string}
 */
export function causeWords(cause) {
  return causes.get(cause) ?? cause.toLowerCase().replaceAll('_', ' ');
}

/**
 * @param {number} ms
 * @returns {string} `0:07`, `12:34`, `1:02:03`
 */
export function durationWords(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (/** @type {number} */ number) => String(number).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** Of a call that may have ended unheard. */
export const doubtWords = 'In doubt: may be over';

/**
 * @param {Date} since when the server lost its broker
 * @param {Date} [now]
 * @returns {string} sentences
 */
export function awayWords(since, now = new Date()) {
  const isToday = since.toDateString() === now.toDateString();
  const time = new Intl.DateTimeFormat(undefined, {
    ...(isToday ? {} : { dateStyle: 'medium' }),
    timeStyle: 'medium',
    hourCycle: 'h23',
  }).format(since);
  return `The broker has been away since ${time}: no events come, and the calls stand as they were then.`;
}
