/** What becomes of subscriptions when the account tree changes: the guard, the registry and the plan, on a fake broker. */
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { SessionGuard } from '../../src/actions/guard.ts';
import { Accounts } from '../../src/auth/accounts.ts';
import { identityOf } from '../../src/auth/identity.ts';
import { classic } from '../../src/dialects/classic.ts';
import { ActionError } from '../../src/errors.ts';
import type { Catalogue } from '../../src/families/catalogue.ts';
import type { Binding } from '../../src/families/family.ts';
import { Binder } from '../../src/registry/binder.ts';
import { Plan } from '../../src/registry/plan.ts';
import { Registry } from '../../src/registry/registry.ts';
import { Subscriptions } from '../../src/registry/subscriptions.ts';
import { Session } from '../../src/session/session.ts';
import { settled } from '../support/binder-world.ts';
import { FakeBus } from '../support/fake-bus.ts';
import { silentLog } from '../support/silent-log.ts';

beforeEach(() => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
});

const pattern = (realm: string) => ({ exchange: 'presence', routingPattern: `dialog.${realm}.*` });

/** A family whose patterns hang on the account's realms, and a node that may hold three patterns; its coarse ones are more. */
function createWorld() {
  const realms = { acme: ['old'], other: ['other'] } as Record<string, string[] | undefined>;
  const catalogue = {
    parse(_text: string, account: string): Binding {
      const own = realms[account];
      if (own === undefined) throw new ActionError('binding_unsupported', 'it has no realm');
      return {
        family: 'presence',
        eventFamily: 'presence',
        wordings: [['dialog', '*']],
        patterns: own.map(pattern),
        subscriptionKey: () => own.join(),
      };
    },
  };
  const bus = new FakeBus();
  const coarse = ['a', 'b', 'c', 'd'].map(pattern);
  const binder = new Binder(bus, new Plan([{ name: 'presence', coarse }], 3), ['presence'], silentLog);
  const registry = new Registry(new Subscriptions(), binder);
  const limits = { authTimeoutMs: 1000, maxSocketsPerAccount: 10 };
  const guard = new SessionGuard(registry, catalogue as unknown as Catalogue, new Accounts(), limits, silentLog);

  function open(account: string): { session: Session; told: string[] } {
    const told: string[] = [];
    const transport = {
      sendEvent: () => undefined,
      sendText: (text: string) => told.push(`${JSON.parse(text).data.code}: ${JSON.parse(text).data.errors[0]}`),
      close: () => undefined,
      pauseReading: () => undefined,
      owedBytes: 0,
      admit: () => undefined,
    };
    const session = new Session(transport, classic, '127.0.0.1', { perSecond: 1, burst: 1 });
    registry.sessions.add(session);
    guard.accept(session, identityOf({ account_id: account }, account));
    const interest = registry.hold(account, 'presence.dialog.*', () => catalogue.parse('', account));
    registry.subscribe(session, interest, undefined);
    return { session, told };
  }

  async function bound(): Promise<string[]> {
    while (bus.pending.length > 0) {
      bus.endAll();
      await settled();
    }
    return [...bus.bound].sort();
  }

  return { realms, guard, open, bound };
}

test('what hangs on a realm is bound to the new one', async () => {
  const { realms, guard, open, bound } = createWorld();
  const { session, told } = open('acme');
  expect(await bound()).toEqual(['presence dialog.old.*']);
  realms.acme = ['new'];
  guard.onAccountsChanged();
  expect(await bound()).toEqual(['presence dialog.new.*']);
  expect(session.bindingTexts()).toEqual(['presence.dialog.*']);
  expect(told).toEqual([]);
});

test('a subscription whose new patterns don’t fit into the plan ends, and is told; the others go on', async () => {
  const { realms, guard, open, bound } = createWorld();
  const [first, second, other] = [open('acme'), open('acme'), open('other')];
  realms.acme = ['new-1', 'new-2', 'new-3'];
  guard.onAccountsChanged();
  for (const { session, told } of [first, second]) {
    expect(session.bindingTexts()).toEqual([]);
    expect(told).toEqual([
      expect.stringMatching(/^too_many_bindings: .*: the subscription to presence.dialog.\* ended$/),
    ]);
  }
  expect(other.session.bindingTexts()).toEqual(['presence.dialog.*']);
  expect(other.told).toEqual([]);
  expect(await bound(), 'nothing of the realm that it has no longer').toEqual(['presence dialog.other.*']);
});

test('what ends makes room for what changes', async () => {
  const { realms, guard, open, bound } = createWorld();
  const [acme, other] = [open('acme'), open('other')];
  realms.other = undefined;
  realms.acme = ['new-1', 'new-2'];
  guard.onAccountsChanged();
  expect(other.told).toEqual([expect.stringMatching(/^binding_unsupported: it has no realm/)]);
  expect(acme.told).toEqual([]);
  expect(await bound()).toEqual(['presence dialog.new-1.*', 'presence dialog.new-2.*']);
});
