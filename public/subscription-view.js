/** What can be subscribed to, the form that does it, and the list of what is held. */
import { byId, make, setText } from './dom.js';

/** Bindings that stand for a whole family, where the server's list names only the single events. */
const wholeFamilies = new Map([
  ['call', 'call.*.*'],
  ['object', 'object.*.*'],
]);

/** What people call Kazoo's families. Which there are, and all others, the server says. */
const familyNames = new Map([
  ['call', 'Calls'],
  ['conference', 'Conferences'],
  ['object', 'Documents'],
  ['fax', 'Faxes'],
  ['presence', 'Presence'],
  ['registration', 'Registrations'],
  ['notifications', 'Notifications'],
]);

export class SubscriptionView {
  #offers = byId('offers');
  #binding = byId('binding');
  #account = byId('account');
  #result = byId('subscribe-result');
  #list = byId('subscriptions');

  /**
   * @param {import('./session.js').Session} session
   * @param {readonly string[]} starters bindings for who doesn't know yet what to ask for
   */
  constructor(session, starters) {
    this.session = session;
    byId('subscribe-form').addEventListener('submit', (/** @type {Event} */ event) => {
      event.preventDefault();
      const binding = this.#binding.value.trim();
      // Without any the server says what is missing.
      void this.#subscribe(this.#account.value.trim(), binding === '' ? [] : [binding]);
    });
    this.#offers.addEventListener('change', () => {
      if (this.#offers.value !== '') this.#binding.value = this.#offers.value;
    });
    byId('starter').addEventListener('click', () => void this.#subscribe('', starters));
    byId('end-all').addEventListener('click', () => this.#endAll());
  }

  /**
   * Offers an account below the token's own to watch.
   * @param {{ id: string, name: string }} account
   */
  suggestAccount({ id, name }) {
    const choose = make('button', { type: 'button', class: 'quiet', text: name, title: `Account ${id}` });
    choose.addEventListener('click', () => {
      this.#account.value = id;
    });
    byId('account-hint').replaceChildren('The demo has a sub-account that this token may watch: ', choose);
    byId('account-hint').hidden = false;
  }

  /**
   * Fills the list of what is on offer: each event by its name, as the classic dialect's list has it. Every socket takes
   * these bindings.
   */
  async loadOffers() {
    const first = make('option', { value: '', text: 'Pick a binding…' });
    try {
      const response = await fetch('/v2/websockets?dialect=classic');
      const { data } = await response.json();
      const groups = Object.entries(data).map(([family, offers]) =>
        make('optgroup', { label: labelOf(family) }, ...optionsOf(family, offers)),
      );
      this.#offers.replaceChildren(first, ...groups);
    } catch {
      setText(first, 'The list could not be loaded; type a binding');
      this.#offers.replaceChildren(first);
    }
  }

  show() {
    const subscriptions = [...this.session.subscriptions.values()];
    const rows = new Map([...this.#list.children].map((row) => [row.dataset.key, row]));
    const wanted = subscriptions.map((subscription) => {
      const key = `${subscription.account} ${subscription.binding}`;
      const row = rows.get(key) ?? this.#makeRow(key, subscription);
      row.dataset.state = subscription.state;
      setText(row.querySelector('.why'), subscription.why);
      return row;
    });
    for (const row of rows.values()) if (!wanted.includes(row)) this.#removeRow(row);
    for (const [index, row] of wanted.entries()) {
      if (this.#list.children[index] !== row) this.#list.insertBefore(row, this.#list.children[index] ?? null);
    }
    setText(byId('subscription-count'), String(subscriptions.length));
    byId('no-subscriptions').hidden = subscriptions.length > 0;
    byId('end-all').hidden = subscriptions.length < 2;
    byId('starter').disabled = this.session.tokenState !== 'accepted';
  }

  /**
   * @param {string} key
   * @param {import('./wishes.js').Subscription} subscription
   */
  #makeRow(key, { account, binding }) {
    const button = make('button', { type: 'button', class: 'quiet', text: 'End', 'aria-label': `End ${binding}` });
    button.addEventListener('click', () => {
      // The one that is held now: a list that was made again has another object for it.
      const held = this.session.subscriptions.get(key);
      if (held !== undefined) this.#tell(this.session.end(held));
    });
    const text = make('div', {}, make('span', { class: 'code binding', text: binding }));
    if (account !== '') text.append(make('span', { class: 'hint', text: `account ${account}` }));
    text.append(make('span', { class: 'hint why' }));
    return make('li', { 'data-key': key }, make('span', { class: 'dot', 'aria-hidden': 'true' }), text, button);
  }

  /** @param {any} row */
  #removeRow(row) {
    const hadFocus = row.contains(document.activeElement);
    const next = (row.nextElementSibling ?? row.previousElementSibling)?.querySelector('button');
    row.remove();
    // The keyboard's place is where the row was, not the top of the page.
    if (hadFocus) (next ?? byId('subscriptions-title')).focus();
  }

  /**
   * @param {string} account
   * @param {readonly string[]} bindings
   */
  async #subscribe(account, bindings) {
    // The broker's confirmation may take seconds.
    this.#tell({ kind: 'success', text: 'Subscribing…' });
    this.#tell(await this.session.subscribe(account, bindings));
  }

  #endAll() {
    byId('subscriptions-title').focus();
    this.#tell(this.session.endAll());
  }

  /** @param {import('./session.js').Notice} notice */
  #tell({ kind, text }) {
    this.#result.dataset.kind = kind;
    this.#binding.setAttribute('aria-invalid', String(kind === 'error'));
    setText(this.#result, text);
  }
}

/** @param {string} family */
function labelOf(family) {
  return familyNames.get(family) ?? `${family.charAt(0).toUpperCase()}${family.slice(1).replaceAll('_', ' ')}`;
}

/**
 * @param {string} family
 * @param {unknown} offers `{ binding, event }` each
 */
function optionsOf(family, offers) {
  const texts = /** @type {{ binding: string }[]} */ (offers).map(({ binding }) => binding);
  const whole = wholeFamilies.get(family);
  return [...(whole === undefined ? [] : [whole]), ...new Set(texts)].map((text) =>
    make('option', { value: text, text: text === whole ? `${text} (all)` : text }),
  );
}
