/** The page: joins the session and the views. */
import { CallBoard } from './call-board.js';
import { byId } from './dom.js';
import { EventList } from './event-list.js';
import { readFrame } from './frames.js';
import { Session } from './session.js';
import { SessionView } from './session-view.js';
import { Snapshots } from './snapshots.js';
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

const session = new Session(
  {
    onChange: () => show(),
    onEvent(event) {
      const frame = readFrame(event);
      events.add(JSON.stringify(event), frame);
      if (watchesCalls()) board.take(frame);
    },
    onGap(accounts, bindings) {
      if (!bindings.some(isOfCalls)) return;
      board.doubt();
      for (const account of accounts) snapshots.want(account, false);
    },
    onHeld(account, binding) {
      if (isOfCalls(binding)) snapshots.want(account, true);
    },
    onLost() {
      board.doubt();
      snapshots.stop();
    },
    onCaughtUp() {
      // Where something else was missed, the answer to that sorts out all.
      if (snapshots.isIdle) board.trust(isWatched);
      else wantSnapshots();
    },
  },
  demo && askDemo,
);
const snapshots = new Snapshots(session, board, (account) =>
  callSubscriptions().some((held) => held.account === account && held.binding === 'call.*.*'),
);
const subscriptionView = new SubscriptionView(session, starters);
const sessionView = new SessionView(session);

function wantSnapshots() {
  for (const account of new Set(callSubscriptions().map((held) => held.account))) snapshots.want(account, false);
}

/** @param {string} binding */
function isOfCalls(binding) {
  return binding.startsWith('call.');
}

function callSubscriptions() {
  return [...session.subscriptions.values()].filter(({ binding }) => isOfCalls(binding));
}

/** @param {string} account Another token's calls may still be on the board. */
function isWatched(account) {
  return callSubscriptions().some(
    (held) => held.account === '*' || (held.account || session.ownAccount || account) === account,
  );
}

function watchesCalls() {
  return callSubscriptions().length > 0;
}

function show() {
  sessionView.show();
  subscriptionView.show();
  // Without a token the subscriptions are suspended.
  board.freeze(!session.isOpen || session.awaySince !== undefined || session.tokenState !== 'accepted');
  if (!watchesCalls()) {
    snapshots.stop();
    board.clear();
  }
  byId('no-calls').textContent = watchesCalls()
    ? 'No calls at the moment.'
    : 'Subscribe to call events, call.*.* for all of them, to see the calls here.';
}

setInterval(() => {
  board.tick();
  events.tick();
  sessionView.tick();
}, 1000);

if (demo !== undefined) {
  byId('demo-badge').hidden = false;
  subscriptionView.suggestAccount(demo.subAccount);
  session.want(starters);
  session.useToken(demo.token);
} else {
  const kept = keptToken();
  if (kept === '') show();
  else session.useToken(kept);
}
void subscriptionView.loadOffers();
