/** The cluster of a node that has no others to ask: the demo's, or one on a bus of its own. */
import type { Gathered, LocalSockets } from './cluster.ts';
import type { SocketRecord } from './messages.ts';
import { type Page, type PageRequest, pageOf } from './pages.ts';

const gathered = <T>(found: T): Gathered<T> => ({ found, partial: false });

export function createLonelyCluster(sockets: LocalSockets) {
  return {
    socketsOf: async (account: string, request: PageRequest): Promise<Gathered<Page>> =>
      gathered(pageOf(sockets.ofAccount(account), request)),
    findSocket: async (account: string, id: string): Promise<Gathered<SocketRecord | undefined>> =>
      gathered(sockets.find(id, account)),
    closeSocket: async (account: string, id: string): Promise<Gathered<boolean>> =>
      gathered(sockets.close(account, id)),
  };
}
