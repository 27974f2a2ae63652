/** The sockets of this node, in the form in which nodes tell each other of them. */
import type { Registry } from '../registry/registry.ts';
import type { Session } from '../session/session.ts';
import type { LocalSockets } from './cluster.ts';
import { gregorianSeconds, type SocketRecord } from './messages.ts';

export function createLocalSockets(registry: Registry, nodeName: string): LocalSockets {
  const { sessions } = registry;
  return {
    ofAccount: (account) => [...sessions.ofAccount(account)].map((session) => recordOf(session, nodeName)),
    find(id, account) {
      const session = sessions.find(id, account);
      return session === undefined ? undefined : recordOf(session, nodeName);
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
    bindings: session.bindingTexts(),
    websocket_session_id: session.id,
    ...(label.name !== undefined && { name: label.name }),
    ...(label.metadata !== undefined && { metadata: label.metadata }),
    timestamp: gregorianSeconds(session.connectedAt),
    source: session.source,
    destination: nodeName,
  };
}
