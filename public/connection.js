/**
 * The way to the server: one WebSocket at a time, the state that it is in, questions and their answers, and the return
 * after a loss. Who asks what is the session's affair.
 */
import { closeWords } from './words.js';

/** Full jitter: a pause is any moment of a window that doubles with each try, so that a thousand pages don't come at once. */
const firstWindowMs = 500;
const longestWindowMs = 20_000;
/** The server names the pause itself when it restarts. Longer than this is no pause but a mistake. */
const longestAskedMs = 300_000;

/** A browser doesn't notice that the other end vanished; an unanswered ping does. */
const pingEveryMs = 20_000;
const silenceMs = 15_000;

/**
 * How long to wait before coming back, after a close.
 * @param {number} code
 * @param {string} reason
 * @param {number} tries that failed since the last success
 * @param {() => number} [random]
 * @returns {number | undefined} ms; undefined: the server told us to stay away
 */
export function pauseAfterClose(code, reason, tries, random = Math.random) {
  if (code >= 4500 && code <= 4999) return undefined;
  const asked = code === 1012 ? askedPause(reason) : undefined;
  return asked ?? random() * Math.min(longestWindowMs, firstWindowMs * 2 ** tries);
}

/** @param {string} reason `{"reconnect":MS}` */
function askedPause(reason) {
  try {
    const ms = JSON.parse(reason)?.reconnect;
    return typeof ms === 'number' && ms >= 0 && ms <= longestAskedMs ? ms : undefined;
  } catch {
    return undefined;
  }
}

/** An error reply. */
export class RequestFailed extends Error {
  /**
   * @param {string} code
   * @param {string} text the server's own
   */
  constructor(code, text) {
    super(text);
    this.code = code;
  }
}

const passing = new Set(['source_unavailable', 'rate_limited', 'internal']);
const ofTokens = new Set(['token_required', 'token_invalid', 'token_expired']);

/**
 * @param {unknown} error
 * @returns {boolean} whether it passes by itself, so that one may ask again
 */
export function isPassing(error) {
  return error instanceof RequestFailed && passing.has(error.code);
}

/**
 * @param {unknown} error
 * @returns {boolean} whether it takes another token
 */
export function isOfToken(error) {
  return error instanceof RequestFailed && ofTokens.has(error.code);
}

/** The connection ended before the answer came. */
export class ConnectionLost extends Error {}

/**
 * @typedef {object} State
 * @property {'closed' | 'connecting' | 'connected' | 'waiting'} name `waiting`: comes back by itself
 * @property {string} [why] in words
 * @property {number} [until] when it comes back, Unix time in ms
 *
 * @typedef {object} Listener
 * @property {(state: State) => void} onState
 * @property {() => void} onOpen a fresh socket: nothing is known of this page yet
 * @property {() => boolean} wantsReturn whether it makes sense to come back after a loss
 * @property {(error: RequestFailed) => void} onUnasked an error reply that nothing asked for
 * @property {(text: string, message: Record<string, unknown>) => void} onEvent
 * @property {(message: Record<string, unknown>) => void} onNotice what a socket that can resume is told
 */

export class Connection {
  /** @type {State} */
  state = { name: 'closed' };
  /** Of the last ping, ms. @type {number | undefined} */
  roundTripMs;
  /** The server has lost its broker, so that nothing comes: since when. @type {Date | undefined} */
  awaySince;
  /** @type {WebSocket | undefined} */
  #socket;
  /** @type {Map<string, { resolve: (data: Record<string, unknown>) => void, reject: (error: Error) => void }>} */
  #pending = new Map();
  #tries = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #lastHeardAt = 0;

  /** @param {Listener} listener */
  constructor(listener) {
    this.listener = listener;
    this.dialect = 'classic';
  }

  get isOpen() {
    return this.state.name === 'connected';
  }

  /** Opens a socket to where the page came from. What was open before is closed. */
  open() {
    this.#leave();
    this.#change({ name: 'connecting' });
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${location.host}/?dialect=${this.dialect}&resume=on`);
    this.#socket = socket;
    // Whatever an earlier socket still has to say is of no interest.
    const isStale = () => this.#socket !== socket;
    socket.onopen = () => isStale() || this.#onOpen();
    socket.onmessage = ({ data }) => isStale() || this.#onMessage(data);
    socket.onclose = ({ code, reason }) => isStale() || this.#onClose(code, reason);
  }

  /** Closes, and stays closed until somebody opens it again. */
  close(why = 'disconnected by you') {
    this.#leave();
    this.#tries = 0;
    this.#change({ name: 'closed', why });
  }

  /** The server took us in: the next loss is a new story. */
  settle() {
    this.#tries = 0;
  }

  /** Comes back at once, if it is on its way back. */
  hurry() {
    if (this.state.name === 'waiting') this.open();
  }

  /**
   * Asks the server.
   * @param {Record<string, unknown>} message
   * @param {string} [id] its `request_id`, unique on this page
   * @returns {Promise<any>} the reply's `data`; rejects with RequestFailed or ConnectionLost
   */
  request(message, id = makeId()) {
    const socket = this.#socket;
    if (socket === undefined || !this.isOpen) return Promise.reject(new ConnectionLost('not connected'));
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      socket.send(JSON.stringify({ ...message, request_id: id }));
    });
  }

  #onOpen() {
    this.#change({ name: 'connected' });
    this.#ping();
    this.listener.onOpen();
  }

  /** @param {string} text */
  #onMessage(text) {
    this.#lastHeardAt = Date.now();
    const message = parse(text);
    if (message === undefined) return;
    if (message.action === 'notice') {
      this.#onNotice(message);
      return;
    }
    if (message.action !== 'reply') {
      this.listener.onEvent(text, message);
      return;
    }
    const data = /** @type {any} */ (message.data ?? {});
    const failure =
      message.status === 'success' ? undefined : new RequestFailed(String(data.code), String(data.errors?.[0] ?? ''));
    const asked = this.#pending.get(String(message.request_id));
    this.#pending.delete(String(message.request_id));
    if (failure === undefined) asked?.resolve(data);
    else if (asked === undefined) this.listener.onUnasked(failure);
    else asked.reject(failure);
  }

  /** @param {Record<string, unknown>} message */
  #onNotice(message) {
    if (message.notice === 'source_down') {
      const since = new Date(String(message.since));
      this.awaySince = Number.isNaN(since.getTime()) ? new Date() : since;
    }
    if (message.notice === 'source_up') this.awaySince = undefined;
    this.listener.onNotice(message);
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #onClose(code, reason) {
    const why = closeWords(code, reason, this.isOpen);
    this.#leave();
    const pause = pauseAfterClose(code, reason, this.#tries);
    if (pause === undefined || !this.listener.wantsReturn()) {
      this.#change({ name: 'closed', why: pause === undefined ? `${why}; the server asks to stay away` : why });
      return;
    }
    this.#tries += 1;
    this.#timer = setTimeout(() => this.open(), pause);
    this.#change({ name: 'waiting', why, until: Date.now() + pause });
  }

  #leave() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.roundTripMs = undefined;
    this.awaySince = undefined;
    const abandoned = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of abandoned) reject(new ConnectionLost('the connection ended before the answer came'));
  }

  /** @param {State} state */
  #change(state) {
    this.state = state;
    this.listener.onState(state);
  }

  #ping() {
    const askedAt = Date.now();
    this.request({ action: 'ping' }).then(
      () => {
        this.roundTripMs = Date.now() - askedAt;
      },
      () => undefined,
    );
    const check = () => {
      // A server that is busy with an earlier message answers late; one that says nothing at all is gone.
      if (this.#lastHeardAt < askedAt) this.#onClose(1006, '');
      else this.#timer = setTimeout(() => this.#ping(), pingEveryMs - silenceMs);
    };
    this.#timer = setTimeout(check, silenceMs);
  }
}

/** @param {string} text */
function parse(text) {
  try {
    const message = JSON.parse(text);
    return typeof message === 'object' && message !== null
      ? /** @type {Record<string, unknown>} */ (message)
      : undefined;
  } catch {
    return undefined;
  }
}

let made = 0;

/** Unique among this page's questions, which is all that it must be. */
export function makeId() {
  made += 1;
  return `page-${made}`;
}
