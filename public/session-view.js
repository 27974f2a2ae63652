/** Shows the connection and the token, and what a person does with them. */
import { byId, setText } from './dom.js';
import { readToken } from './token.js';
import { awayWords } from './words.js';

const stateWords = {
  connecting: 'Connecting…',
  connected: 'Connected',
  waiting: 'Reconnecting',
  closed: 'Closed',
};

/** @param {number} until Unix time, ms */
function inWords(until) {
  const seconds = Math.max(0, Math.round((until - Date.now()) / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}

export class SessionView {
  #form = byId('token-form');
  #input = byId('token');
  #trouble = byId('token-trouble');
  /** Somebody wants to put another token in place of one that is good. */
  #isChanging = false;

  /** @param {import('./session.js').Session} session */
  constructor(session) {
    this.session = session;
    this.#form.addEventListener('submit', (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#submitToken();
    });
    byId('token-change').addEventListener('click', () => {
      this.#isChanging = true;
      this.show();
      this.#input.focus();
    });
    byId('token-cancel').addEventListener('click', () => this.#doneChanging());
    byId('token-forget').addEventListener('click', () => {
      session.forget();
      this.#input.focus();
    });
    byId('connection-button').addEventListener('click', () => {
      const { name } = session.state;
      if (name === 'closed' || name === 'waiting') session.open();
      else session.close();
    });
  }

  show() {
    const { session } = this;
    const { state, awaySince } = session;
    document.body.dataset.connection = state.name;
    document.body.dataset.source = awaySince === undefined ? 'up' : 'away';
    // Empty it takes no room, and a screen reader hears what comes into it.
    setText(byId('away'), awaySince === undefined ? '' : awayWords(awaySince));
    this.tick();
    this.#announce();

    const isNeeded = session.tokenState === 'needed';
    const wasHidden = this.#form.hidden;
    this.#form.hidden = !isNeeded && !this.#isChanging;
    byId('token-cancel').hidden = isNeeded;
    byId('token-buttons').hidden = isNeeded || session.isDemo;
    byId('connection-button').hidden = isNeeded && state.name === 'closed' && session.token === '';
    setText(byId('token-title'), this.#title(isNeeded));
    if (isNeeded) setText(this.#trouble, session.tokenTrouble);
    // A screen reader hears the trouble; who was typing elsewhere goes on typing.
    if (wasHidden && !this.#form.hidden && document.activeElement === document.body) this.#input.focus();
  }

  /** Once a second, and at every change: what depends on the time. */
  tick() {
    const { session } = this;
    const { state, roundTripMs } = session;
    const isWaiting = state.name === 'waiting' && state.until !== undefined;
    const needsToken = session.tokenState === 'needed' && state.name === 'closed';
    setText(byId('connection-state'), isWaiting ? `Reconnecting in ${inWords(state.until ?? 0)}` : this.#stateWords());
    setText(byId('connection-why'), state.why ?? (needsToken ? 'a token is needed' : ''));
    const labels = { connecting: 'Cancel', connected: 'Disconnect', waiting: 'Try now', closed: 'Connect' };
    setText(byId('connection-button'), labels[state.name]);
    setText(byId('session-account'), readToken(session.token).accountId || "the token's own");
    setText(byId('session-token'), this.#tokenText());
    setText(byId('session-round-trip'), roundTripMs === undefined ? '–' : `${roundTripMs} ms`);
  }

  #stateWords() {
    const { state, awaySince } = this.session;
    return awaySince === undefined ? stateWords[state.name] : 'Broker away';
  }

  #tokenText() {
    const { session } = this;
    if (session.tokenState === 'needed') return session.token === '' ? 'none yet' : 'none that the server takes';
    const { expiresAt } = readToken(session.token);
    const kind = session.isDemo ? 'the demo’s' : 'yours';
    if (session.tokenState === 'unchecked') return `${kind}, not checked yet`;
    return expiresAt === undefined ? `${kind}, accepted` : `${kind}, for another ${inWords(expiresAt)}`;
  }

  /** @param {boolean} isNeeded */
  #title(isNeeded) {
    if (!isNeeded) return 'Another token';
    return this.session.tokenTrouble === '' ? 'A token, please' : 'Another token, please';
  }

  /** Read aloud once at each change; the seconds that tick away are not. */
  #announce() {
    const { name, why } = this.session.state;
    const words = stateWords[name].replace('…', '');
    setText(byId('connection-announcer'), why === undefined ? words : `${words}: ${why}`);
  }

  #submitToken() {
    const token = this.#input.value.trim();
    if (token === '') return;
    // The same trouble again is read aloud again.
    setText(this.#trouble, '');
    this.session.useToken(token);
    this.#doneChanging();
  }

  #doneChanging() {
    this.#isChanging = false;
    this.#input.value = '';
    setText(this.#trouble, '');
    this.show();
  }
}
