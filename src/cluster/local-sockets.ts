/** The sockets of this node, in the form in which nodes tell each other of them. */
import { gregorianSeconds } from '../gregorian.ts';
import type { Registry } from '../registry/registry.ts';
import type { Session } from '../session/session.ts';
import { optionsOf, type Subscription } from '../session/subscription.ts';
import type { LocalSockets } from './cluster.ts';
import type { SocketRecord } from './messages.ts';

export function createLocalSockets(registry: Registry, nodeName: string): LocalSockets {
  const { sessions, holdings } = registry;
  const own = (session: Session): SocketRecord => recordOf(session, nodeName);
  const watching = (session: Session, account: string): SocketRecord => watcherRecordOf(session, account, nodeName);
  return {
    *ofAccount(account) {
      for (const session of sessions.ofAccount(account)) yield { id: session.id, record: () => own(session) };
      for (const session of holdings.watchersOf(account)) {
        yield { id: session.id, record: () => watching(session, account) };
      }
    },
    find(id, account) {
      const session = sessions.find(id, account);
      if (session !== undefined) return own(session);
      const stranger = account === undefined ? undefined : sessions.find(id, undefined);
      if (stranger === undefined || account === undefined || !holdings.isWatching(stranger, account)) return undefined;
      return watching(stranger, account);
    },
    close(account, id) {
      const session = sessions.find(id, account);
      session?.transport.close('closed_by_administrator');
      return session !== undefined;
    },
  };
}

function recordOf(session: Session, nodeName: string): SocketRecord {
  const { identity, label } = session;
  return {
    ...(identity !== undefined && {
      account_id: identity.accountId,
      // Enough to tell which token it is, and of no use to whoever reads it.
      auth_token: `sha256:${identity.tokenDigest.slice(0, 12)}`,
    }),
    ...boundBy(session.subscriptions),
    websocket_session_id: session.id,
    ...(label.name !== undefined && { name: label.name }),
    ...(label.metadata !== undefined && { metadata: label.metadata }),
    timestamp: gregorianSeconds(session.connectedAt),
    source: session.address,
    destination: nodeName,
  };
}

/** What an account may know of a socket that watches it from above: nothing of what else that one does, nor its label. */
function watcherRecordOf(session: Session, account: string, nodeName: string): SocketRecord {
  const { name, metadata, ...record } = recordOf(session, nodeName);
  return { ...record, ...boundBy(session.heldIn(account)), watching: true };
}

function boundBy(subscriptions: readonly Subscription[]): Pick<SocketRecord, 'bindings' | 'options'> {
  return { bindings: subscriptions.map(({ interest }) => interest.text), options: subscriptions.map(optionsOf) };
}
