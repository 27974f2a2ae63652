/** Every message that Kazoo's own code made, through catalogue, router and dialects. */
import { describe, expect, test } from 'vitest';
import { createCarrier } from '../support/carrier.ts';
import { bindingsFor, type KazooEvent, kazooAccount, kazooEvents, kazooMessage, kazooRealm } from '../support/kazoo.ts';

const stranger = 'ffffffffffffffffffffffffffffff02';
const tree = [
  { id: kazooAccount, realm: kazooRealm },
  { id: stranger, realm: 'stranger.example.com' },
];
const surroundings = [
  ['with an account tree, fine patterns', { accounts: tree, plan: 'fine' }],
  ['with an account tree, coarse patterns', { accounts: tree, plan: 'coarse' }],
  ['without an account tree', { accounts: [], plan: 'fine' }],
] as const;

/** Everything that may be subscribed to. */
const widest = [
  'call.*.*',
  'conference.event.*',
  'conference.command.*',
  'object.*.*',
  'fax.status.*',
  'registration.success.*',
  'notifications.*.*',
];
const presence = ['presence.dialog.*', 'presence.update.*', 'presence.mwi_updates.*'];

/** Kazoo's documents with plain slashes in their keys come by the coarse patterns and by those of every database alone. */
const plainSlashes = 'object.doc_edited.user.unencoded-database.json';

/** Told by its realm alone. */
const needsRealm = ({ file, family }: KazooEvent): boolean =>
  family === 'presence' || file === 'registration.success.freeswitch.json';

/** Its conference has to have been seen: a test of its own. */
const needsMemory = ({ routing_key }: KazooEvent): boolean => routing_key.startsWith('conference.command.');

const offered = kazooEvents.filter((event) => {
  const isOffered = event.expect !== 'never' && bindingsFor(event) !== undefined;
  return isOffered && !needsMemory(event) && event.file !== plainSlashes;
});
const notOffered = kazooEvents.filter(
  (event) => !needsMemory(event) && event.file !== plainSlashes && !offered.includes(event),
);

test('there are as many as were captured', () => {
  expect(kazooEvents).toHaveLength(118);
  expect(offered.length).toBeGreaterThan(70);
});

describe.each(surroundings)('%s', (_title, { accounts, plan }) => {
  const hasTree = accounts.length > 0;

  test.each(offered.filter((event) => hasTree || !needsRealm(event)))('$file', (event) => {
    const message = kazooMessage(event);
    const { matching = [], others = [] } = bindingsFor(event) ?? {};
    for (const binding of matching) {
      const carrier = createCarrier({ accounts, plan });
      const own = carrier.subscribe(kazooAccount, [binding]);
      const ownClassic = carrier.subscribe(kazooAccount, [binding], 'classic');
      const everybody = carrier.subscribe('*', [binding]);
      const theirs = carrier.subscribe(stranger, [...widest, ...(hasTree ? presence : []), binding]);
      const elsewhere = carrier.subscribe(kazooAccount, others);
      carrier.publish(message);
      const seen = event.blackhole.find((each) => each.binding === binding)?.frames?.[0];
      expect(own.events, binding).toEqual([
        {
          action: 'event',
          subscribed_key: binding,
          subscription_key: seen?.subscription_key ?? expect.any(String),
          name: seen?.name ?? event.kazoo4?.name,
          routing_key: seen?.routing_key ?? event.kazoo4?.routing_key,
          account_id: kazooAccount,
          data: message.blackholeData ?? normalized(message.payload),
        },
      ]);
      expect(everybody.events, binding).toHaveLength(1);
      expect(ownClassic.texts, binding).toEqual([`{"name":"${event.classic?.name}","args":${message.body}}`]);
      expect(theirs.events, binding).toEqual([]);
      expect(elsewhere.events, binding).toEqual([]);
    }
  });

  test.each(notOffered)('$file is for no account', (event) => {
    const carrier = createCarrier({ accounts, plan });
    const own = carrier.subscribe(kazooAccount, [...widest, ...(hasTree ? presence : [])]);
    const everybody = carrier.subscribe('*', [...widest, ...presence]);
    carrier.publish(kazooMessage(event));
    expect(own.events).toEqual([]);
    // A carrier's leg whose account is not known yet, and documents of the system: administrators see them.
    const isNobodys = event.file.includes('no-account') || event.file.includes('media.tts');
    expect(everybody.events).toHaveLength(isNobodys ? 1 : 0);
  });
});

test.each(
  kazooEvents.filter(needsRealm).filter((event) => bindingsFor(event) !== undefined && event.expect === 'must'),
)('$file without an account tree is for "*" alone', (event) => {
  const carrier = createCarrier();
  const everybody = carrier.subscribe('*', [...widest, ...presence]);
  const own = carrier.subscribe(kazooAccount, widest);
  carrier.publish(kazooMessage(event));
  expect(own.events).toEqual([]);
  expect(everybody.events).toMatchObject([{ account_id: '*' }]);
});

test('a document whose database stands in the key with plain slashes comes by the coarse patterns', () => {
  const carrier = createCarrier({ plan: 'coarse' });
  const own = carrier.subscribe(kazooAccount, ['object.doc_edited.user']);
  const theirs = carrier.subscribe(stranger, ['object.*.*']);
  const event = kazooEvents.find(({ file }) => file === plainSlashes);
  if (event !== undefined) carrier.publish(kazooMessage(event));
  expect(own.events).toMatchObject([{ account_id: kazooAccount }]);
  expect(theirs.events).toEqual([]);
});

/** Where Blackhole does not show a message: the rule, written down once more. */
function normalized(payload: Readonly<Record<string, unknown>>): unknown {
  const hidden = ['Node', 'Server-ID', 'System-Log-ID', 'Raw-Headers'];
  const shown = Object.fromEntries(Object.entries(payload).filter(([name]) => !hidden.includes(name)));
  const lower = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(lower);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, member]) => member !== null)
        .map(([name, member]) => [name.toLowerCase().replaceAll('-', '_'), lower(member)]),
    );
  };
  return lower(shown);
}
