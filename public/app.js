/** The page: joins the connection, the session and the views. */
import { CallBoard } from './call-board.js';
import { Connection } from './connection.js';
import { byId } from './dom.js';
import { EventList } from './event-list.js';
import { readFrame } from './frames.js';
import { Session } from './session.js';
import { SessionView } from './session-view.js';
import { SubscriptionView } from './subscription-view.js';
import { keptToken } from './token.js';

/** What a new user wants to see: every call, every conference, every change of a document. */
const starters = ['call.*.*', 'conference.event.*', 'object.*.*'];

/**
 * The demo's token, which is for its own page alone.
 * @returns {Promise<import('./session.js').DemoAccess | undefined>} undefined where this is no demo
 */
async function askDemo() {
  // A demo listens on loopback only, so anywhere else there is nothing to ask for.
  if (!/^(localhost|127\.[\d.]+|\[::1\])$/.test(location.hostname)) return undefined;
  const response = await fetch('/demo', { headers: { Accept: 'application/json' } });
  if (response.status !== 200) return undefined;
  const { data } = await response.json();
  return { token: data.token, accountId: data.account_id, subAccount: data.sub_account };
}

const board = new CallBoard();
const events = new EventList();
const demo = await askDemo().catch(() => undefined);

const connection = new Connection({
  onState(state) {
    if (state.name !== 'connected') {
      board.doubt();
      session.onLost();
    }
    show();
  },
  onOpen: () => void session.begin(),
  // Without a token that the server takes there is nothing to come back for.
  wantsReturn: () => session.tokenState !== 'needed',
  onUnasked: (error) => void session.onUnasked(error),
  onEvent(text, message) {
    const frame = readFrame(message);
    events.add(text, frame);
    if (watchesCalls()) board.take(frame);
  },
});
const session = new Session(connection, () => show(), demo && askDemo);
const subscriptionView = new SubscriptionView(session, starters);
const sessionView = new SessionView(connection, session, (dialect) => void subscriptionView.loadOffers(dialect));

function watchesCalls() {
  return [...session.subscriptions.values()].some(({ binding }) => binding.startsWith('call.'));
}

function show() {
  sessionView.show();
  subscriptionView.show();
  if (!watchesCalls()) board.clear();
  byId('no-calls').textContent = watchesCalls()
    ? 'No calls at the moment.'
    : 'Subscribe to call events, call.*.* for all of them, to see the calls here.';
}

setInterval(() => {
  board.tick();
  events.tick();
  sessionView.tick();
}, 1000);
addEventListener('online', () => connection.hurry());

if (demo !== undefined) {
  byId('demo-badge').hidden = false;
  subscriptionView.suggestAccount(demo.subAccount);
  session.want(starters);
  void session.useToken(demo.token);
} else {
  const kept = keptToken();
  if (kept === '') show();
  else void session.useToken(kept);
}
void subscriptionView.loadOffers(connection.dialect);
