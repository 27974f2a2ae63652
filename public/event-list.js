/** The frames as they come, newest first: bounded, filtered, paused at will. */
import { beforePaint, byId, make, setText } from './dom.js';

const mostEvents = 500;
/** Events may be large; so many characters of them are kept at most. */
const mostCharacters = 8_000_000;
/** Over which the rate is taken. */
const rateSeconds = 10;

/**
 * @typedef {object} Entry
 * @property {Date} at
 * @property {string} text the frame as it came
 * @property {import('./frames.js').EventFrame} frame
 * @property {any} [row]
 */

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' });

/** @param {Date} at */
function timeText(at) {
  return `${clock.format(at)}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

/** @param {string} text */
function prettyJson(text) {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    // Nested deeper than can be printed.
    return text;
  }
}

export class EventList {
  #list = byId('events');
  #filter = byId('filter');
  #pause = byId('pause');
  /** On the page, newest first. @type {Entry[]} */
  #shown = [];
  /** Not on the page yet, oldest first. @type {Entry[]} */
  #pending = [];
  #total = 0;
  #isPaused = false;
  /** Events of each of the last seconds, the current one last. */
  #perSecond = [0];
  #paint = beforePaint(() => this.#show());

  constructor() {
    this.#filter.addEventListener('input', () => this.#applyFilter());
    this.#pause.addEventListener('click', () => this.#togglePause());
    byId('clear').addEventListener('click', () => this.#clear());
  }

  /**
   * @param {string} text
   * @param {import('./frames.js').EventFrame} frame
   */
  add(text, frame) {
    this.#total += 1;
    this.#perSecond[this.#perSecond.length - 1] = (this.#perSecond.at(-1) ?? 0) + 1;
    this.#pending.push({ at: new Date(), text, frame });
    trim(this.#pending, 'oldest first');
    this.#paint();
  }

  /** Once a second. */
  tick() {
    const rate = this.#perSecond.reduce((sum, count) => sum + count, 0) / this.#perSecond.length;
    setText(byId('rate'), `${rate.toFixed(rate < 10 ? 1 : 0)} a second`);
    this.#perSecond.push(0);
    if (this.#perSecond.length > rateSeconds) this.#perSecond.shift();
    // While nobody sees the page, nothing is painted; the count goes on.
    this.#showCounts();
  }

  #show() {
    if (!this.#isPaused) {
      const fresh = this.#pending.splice(0).reverse();
      for (const entry of fresh) entry.row = this.#makeRow(entry);
      this.#list.prepend(...fresh.map(({ row }) => row));
      this.#shown.unshift(...fresh);
      for (const { row } of trim(this.#shown, 'newest first')) row.remove();
    }
    this.#showCounts();
  }

  /** @param {Entry} entry */
  #makeRow({ at, text, frame }) {
    const json = make('pre', { tabindex: '0', 'aria-label': `${frame.name} as JSON` });
    const details = make(
      'details',
      {},
      make(
        'summary',
        {},
        make('time', { text: timeText(at), datetime: at.toISOString() }),
        make('span', { class: 'name', text: frame.name }),
        make('span', { class: 'what', text: frame.what }),
        make('span', { class: 'state', text: frame.state }),
        make('span', { class: 'account', text: frame.account, title: `Account ${frame.account}` }),
      ),
      json,
    );
    // Five hundred frames printed in full would be heavy; most are never opened.
    details.addEventListener('toggle', () => setText(json, details.open ? prettyJson(text) : ''));
    const row = make('li', { 'data-family': frame.family }, details);
    row.hidden = !this.#matches({ at, text, frame });
    return row;
  }

  /** @param {Entry} entry */
  #matches({ text, frame }) {
    const wanted = this.#filter.value.trim().toLowerCase();
    if (wanted === '') return true;
    return [frame.name, frame.what, frame.state, text].some((part) => part.toLowerCase().includes(wanted));
  }

  #applyFilter() {
    for (const entry of this.#shown) entry.row.hidden = !this.#matches(entry);
    this.#showCounts();
  }

  #togglePause() {
    this.#isPaused = !this.#isPaused;
    this.#pause.setAttribute('aria-pressed', String(this.#isPaused));
    this.#show();
  }

  #clear() {
    this.#shown = [];
    this.#pending = [];
    this.#total = 0;
    this.#perSecond = [0];
    this.#list.replaceChildren();
    this.#showCounts();
  }

  #showCounts() {
    const waiting = this.#pending.length;
    setText(this.#pause, this.#isPaused ? `Resume${waiting > 0 ? ` (${waiting} new)` : ''}` : 'Pause');
    setText(byId('count'), `${this.#total.toLocaleString()} ${this.#total === 1 ? 'event' : 'events'}`);
    const visible = this.#shown.filter(({ row }) => !row.hidden).length;
    setText(byId('matching'), this.#filter.value.trim() === '' ? '' : `${visible} of ${this.#shown.length} match`);
    byId('no-events').hidden = visible > 0;
    setText(
      byId('no-events'),
      this.#shown.length > 0
        ? 'No event matches the filter.'
        : this.#isPaused
          ? 'Paused. Events wait until you resume.'
          : 'Nothing yet. Events show here as they come.',
    );
  }
}

/**
 * Drops the oldest entries beyond what is kept.
 * @param {Entry[]} entries
 * @param {'newest first' | 'oldest first'} order
 * @returns {Entry[]} those that were dropped
 */
function trim(entries, order) {
  const dropped = [];
  let characters = entries.reduce((sum, { text }) => sum + text.length, 0);
  while (entries.length > mostEvents || (characters > mostCharacters && entries.length > 1)) {
    const entry = order === 'newest first' ? entries.pop() : entries.shift();
    if (entry === undefined) break;
    characters -= entry.text.length;
    dropped.push(entry);
  }
  return dropped;
}
