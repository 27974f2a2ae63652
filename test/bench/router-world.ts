/** The event path without broker and sockets: what an event costs from its AMQP body to the frames on their way. */
import type { Accounts } from '../../src/auth/accounts.ts';
import type { Identity } from '../../src/auth/identity.ts';
import { classic } from '../../src/dialects/classic.ts';
import { createCatalogue } from '../../src/families/catalogue.ts';
import { Binder } from '../../src/registry/binder.ts';
import { Plan } from '../../src/registry/plan.ts';
import { Registry } from '../../src/registry/registry.ts';
import { Subscriptions } from '../../src/registry/subscriptions.ts';
import { Router } from '../../src/router.ts';
import { Session, type Transport } from '../../src/session/session.ts';
import { silentLog } from '../support/silent-log.ts';

const noRealms = { accountOfRealm: () => undefined, realmOf: () => undefined };
const rateLimit = { perSecond: 20, burst: 200 };
const quiet = () => undefined;
const noBus = { isUp: false, bind: async () => undefined, unbind: async () => undefined };
const nowhere: Transport = {
  owedBytes: 0,
  sendEvent: quiet,
  sendText: quiet,
  close: quiet,
  pauseReading: quiet,
  admit: quiet,
};

/** @param accounts without them every account stands alone */
export function routerWorld(accounts?: Accounts) {
  const catalogue = createCatalogue(
    { callEvents: ['CHANNEL_CREATE', 'CHANNEL_ANSWER'], documentTypes: ['user'], notifications: [] },
    noRealms,
  );
  const subscriptions = new Subscriptions(accounts);
  const names = catalogue.families.map(({ name }) => name);
  const registry = new Registry(subscriptions, new Binder(noBus, new Plan(catalogue.families, 100), names, silentLog));
  const counters = { received: quiet, dropped: quiet, framesSent: 0 };
  const router = new Router(catalogue, subscriptions, counters, quiet);
  return {
    catalogue,
    registry,
    router,
    counters,
    open(identity: Identity): Session {
      const session = new Session(nowhere, classic, '192.0.2.1', rateLimit);
      session.authenticateAs(identity);
      return session;
    },
  };
}
