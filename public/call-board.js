/** Shows the calls of this moment as an operator's console would: a card each, with a line for each leg. */
import { Calls, isConferring } from './calls.js';
import { beforePaint, byId, make, setText } from './dom.js';
import { doubtWords, durationWords } from './words.js';

/**
 * @typedef {import('./calls.js').Leg} Leg
 * @typedef {import('./calls.js').LegState} LegState
 */

const stateWords = {
  calling: 'Calling',
  ringing: 'Ringing',
  answered: 'Answered',
  talking: 'Talking',
  conference: 'In conference',
  held: 'On hold',
  parked: 'Parked',
  ended: 'Ended',
};

/** The first that any leg is in is the call's. @type {LegState[]} */
const weightiest = ['parked', 'held', 'conference', 'talking', 'answered', 'ringing', 'calling'];

export class CallBoard {
  #list = byId('calls');
  #calls = new Calls();
  /** By the Call-ID of the call's oldest leg. @type {Map<string, any>} */
  #cards = new Map();
  #paint = beforePaint(() => this.#show());

  /** @param {import('./frames.js').EventFrame} frame */
  take(frame) {
    this.#calls.take(frame);
    this.#paint();
  }

  /** Something may have been missed: what is on the board may be over. */
  doubt() {
    this.#calls.doubt();
    this.#paint();
  }

  /**
   * Nothing was missed.
   * @param {(account: string) => boolean} isOf whose calls that is said of
   */
  trust(isOf) {
    this.#calls.trust(isOf);
    this.#paint();
  }

  /** @param {boolean} isFrozen whether nothing can come: then the timers stand */
  freeze(isFrozen) {
    this.#calls.freeze(isFrozen);
    this.#paint();
  }

  /** @returns {string[]} accounts that have calls in doubt */
  doubtfulAccounts() {
    return this.#calls.doubtfulAccounts();
  }

  /** The question of `beginSnapshot` is over. */
  endSnapshot() {
    this.#calls.endSnapshot();
  }

  /**
   * To be called before the server is asked which calls there are.
   * @returns {ReturnType<Calls['beginSnapshot']>} takes its answer
   */
  beginSnapshot() {
    const take = this.#calls.beginSnapshot();
    return (...answer) => {
      take(...answer);
      this.#paint();
    };
  }

  /** Calls are watched no more. */
  clear() {
    this.#calls.clear();
    this.#show();
  }

  /** Once a second. */
  tick() {
    this.#calls.tick();
    this.#show();
  }

  #show() {
    const calls = this.#calls.joined();
    const cards = new Map();
    for (const legs of calls) {
      const key = /** @type {Leg} */ (legs[0]).callId;
      const card = this.#cards.get(key) ?? makeCard();
      cards.set(key, card);
      fillCard(card, legs, this.#calls.now);
    }
    for (const [key, card] of this.#cards) if (!cards.has(key)) card.remove();
    this.#cards = cards;
    for (const [index, card] of [...cards.values()].entries()) {
      if (this.#list.children[index] !== card) this.#list.insertBefore(card, this.#list.children[index] ?? null);
    }
    const live = calls.filter((legs) => legs.some(({ endedAt }) => endedAt === undefined)).length;
    setText(byId('call-count'), String(live));
    byId('no-calls').hidden = calls.length > 0;
  }
}

function makeCard() {
  return make(
    'li',
    { class: 'call' },
    make('p', { class: 'call-head' }, make('span', { class: 'call-state' }), make('span', { class: 'call-time' })),
    make('ul', { class: 'legs' }),
    make('p', { class: 'call-doubt', text: doubtWords }),
  );
}

/**
 * @param {any} card
 * @param {Leg[]} all of the call
 * @param {number} now
 */
function fillCard(card, all, now) {
  const live = all.filter(({ endedAt }) => endedAt === undefined);
  const legs = inOrder(live.length > 0 ? live : all);
  const state = weightiest.find((candidate) => legs.some((leg) => leg.state === candidate)) ?? 'ended';
  const answeredAt = Math.min(...legs.map((leg) => leg.answeredAt ?? Number.POSITIVE_INFINITY));
  const from = Number.isFinite(answeredAt) ? answeredAt : Math.min(...legs.map(({ startedAt }) => startedAt));
  const until = state === 'ended' ? Math.max(...legs.map(({ endedAt }) => endedAt ?? 0)) : now;
  card.dataset.state = state;
  const isDoubtful = legs.every(({ doubtedAt }) => doubtedAt !== undefined);
  card.dataset.doubtful = String(isDoubtful);
  card.querySelector('.call-doubt').hidden = !isDoubtful;
  setText(card.querySelector('.call-state'), stateText(state, legs));
  setText(card.querySelector('.call-time'), durationWords(until - from));
  const lines = legs.map(lineOf);
  const [only] = legs;
  if (legs.length === 1 && only !== undefined && !isConferring(only)) lines.push(farEnd(only));
  const list = card.querySelector('.legs');
  // The same lines again would disturb a selection.
  if (list.textContent !== lines.map(({ textContent }) => textContent).join('')) list.replaceChildren(...lines);
}

/**
 * Who calls stands above who is called, even where this page heard of them the other way round.
 * @param {Leg[]} legs
 */
function inOrder(legs) {
  const isCalled = (/** @type {Leg} */ { direction }) => Number(direction === 'outbound');
  return legs.toSorted((a, b) => isCalled(a) - isCalled(b));
}

/**
 * @param {LegState} state
 * @param {Leg[]} legs
 */
function stateText(state, legs) {
  const detail = (/** @type {'place' | 'cause'} */ kind) =>
    legs.map((leg) => leg[kind]).find((text) => text !== '') ?? '';
  if (state === 'ended') return detail('cause') === '' ? 'Ended' : `Ended: ${detail('cause')}`;
  if (state === 'parked') return detail('place') === '' ? 'Parked' : `Parked in ${detail('place')}`;
  return state === 'conference' ? `In conference ${detail('place')}` : stateWords[state];
}

/** @param {Leg} leg */
function lineOf(leg) {
  return make(
    'li',
    { class: `leg ${leg.direction}`, 'data-call-id': leg.callId, title: `Call-ID ${leg.callId}` },
    make('span', { class: 'direction', text: leg.direction === 'inbound' ? '↙' : '↗', 'aria-hidden': 'true' }),
    make('span', { class: 'visually-hidden', text: `${leg.direction}: ` }),
    make('span', { class: 'who', text: leg.party.name || leg.party.number || 'unknown' }),
    make('span', { class: 'number', text: leg.party.name === leg.party.number ? '' : leg.party.number }),
    ...(leg.state === 'held' ? [make('span', { class: 'leg-state', text: 'holds' })] : []),
  );
}

/**
 * The other end of a call that has only one leg (yet): what was dialled, or a mailbox, or a conference.
 * @param {Leg} leg
 */
function farEnd({ direction, other }) {
  return make(
    'li',
    { class: 'leg far-end' },
    make('span', { class: 'direction', text: '·', 'aria-hidden': 'true' }),
    make('span', {
      class: 'who',
      text: `${direction === 'inbound' ? 'to' : 'from'} ${other.name || other.number || '…'}`,
    }),
    make('span', { class: 'number', text: other.name === '' || other.name === other.number ? '' : other.number }),
  );
}
