/** Asks the server which calls there are: when the page comes into the middle of them, and when it may have missed some. */
import { HorizonError } from '/client.js';

/** Everybody is told of a gap at once, so each waits for a moment of its own. */
const longestPauseMs = 2000;
const retryMs = 5000;
/** A node that has just connected can't know for 15 s whether an answer is all there is. */
const leastTries = 4;
const mostTries = 12;
/** What passes by itself. */
const passing = new Set(['source_unavailable', 'rate_limited', 'internal', 'timeout']);
/** Of a subscription to all accounts: more of them are not asked for. */
const mostAccounts = 20;

export class Snapshots {
  /** Accounts that are to be asked for. @type {Map<string, { tries: number }>} */
  #due = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #isAsking = false;

  /**
   * @param {import('./session.js').Session} session
   * @param {import('./call-board.js').CallBoard} board
   * @param {(account: string) => boolean} watchesAll whether all events of an account's calls come, so that a call that
   * is put on the board is also taken from it
   */
  constructor(session, board, watchesAll) {
    this.session = session;
    this.board = board;
    this.watchesAll = watchesAll;
  }

  /** Nothing is asked for any more. */
  get isIdle() {
    return this.#due.size === 0;
  }

  /**
   * @param {string} account empty: the token's own; `*`: those whose calls are in doubt
   * @param {boolean} atOnce false: after a random pause
   */
  want(account, atOnce) {
    const accounts = account === '*' ? this.board.doubtfulAccounts().slice(0, mostAccounts) : [account];
    for (const one of accounts) this.#due.set(one, { tries: 0 });
    this.#later(atOnce ? 0 : Math.random() * longestPauseMs);
  }

  /** The connection is gone: whatever was to be asked is decided anew on the next. */
  stop() {
    clearTimeout(this.#timer);
    this.#due.clear();
  }

  /** @param {number} ms */
  #later(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#askAll(), ms);
  }

  async #askAll() {
    if (this.#isAsking) {
      this.#later(retryMs);
      return;
    }
    this.#isAsking = true;
    // One after the other: a socket may have few queries under way.
    for (const [account, wish] of [...this.#due]) await this.#ask(account, wish);
    this.#isAsking = false;
    if (this.#due.size > 0) this.#later(retryMs);
  }

  /**
   * @param {string} account
   * @param {{ tries: number }} wish
   */
  async #ask(account, wish) {
    const { tries } = wish;
    const take = this.board.beginSnapshot();
    try {
      const reply = await this.session.query(account, 'channels');
      const isComplete = reply.partial === false;
      take(String(reply.account_id), Array.isArray(reply.result) ? reply.result : [], {
        isComplete,
        adds: this.watchesAll(account),
      });
      const isHopeless = tries >= mostTries || (tries >= leastTries && this.board.doubtfulAccounts().length === 0);
      this.#settle(account, wish, !isComplete && !isHopeless);
    } catch (error) {
      // What is refused for good (an older server, a token without the scope) is not asked for again.
      this.#settle(account, wish, error instanceof HorizonError && passing.has(error.code) && tries < mostTries);
    } finally {
      this.board.endSnapshot();
    }
  }

  /**
   * @param {string} account
   * @param {{ tries: number }} wish
   * @param {boolean} isDueAgain
   */
  #settle(account, wish, isDueAgain) {
    // Wanted anew, or not at all any more, while the answer was on its way.
    if (this.#due.get(account) !== wish) return;
    if (isDueAgain) wish.tries += 1;
    else this.#due.delete(account);
  }
}
