/** A node whose conversation with others a test holds both ends of: no broker, no sockets but what the test says. */
import type { ControlChannel, Delivery } from '../../src/bus.ts';
import { Cluster, type LocalSockets } from '../../src/cluster/cluster.ts';
import { silentLog } from './silent-log.ts';

/** Something that the node published. */
export interface Said {
  readonly exchange: string;
  readonly routingKey: string;
  /** Unix time, ms. */
  readonly at: number;
  readonly payload: Readonly<Record<string, unknown>>;
}

const noSockets: LocalSockets = { ofAccount: () => [], find: () => undefined, close: () => false };

export function createNode(sockets: LocalSockets = noSockets) {
  const said: Said[] = [];
  const lines: { message: string | undefined; fields: Record<string, unknown> }[] = [];
  const link = { isUp: true, isBlocked: false, hearsItself: true, renewals: 0 };
  let onMessage: (message: Delivery) => void = () => undefined;
  let onUp: () => void = () => undefined;
  const hear = (payload: object, exchange = 'nodes', routingKey = ''): void =>
    onMessage({ exchange, routingKey, body: Buffer.from(JSON.stringify(payload)), contentEncoding: undefined });
  const control: ControlChannel = {
    get isUp() {
      return link.isUp;
    },
    address: 'own-queue',
    start(listener) {
      ({ onMessage, onUp } = { onMessage: (message) => listener.onMessage(message), onUp: () => listener.onUp() });
    },
    async publish(exchange, routingKey, payload) {
      if (link.isBlocked) throw new Error('the broker takes no messages now');
      said.push({ exchange, routingKey, at: Date.now(), payload: { ...payload } });
      if (exchange === 'nodes' && link.hearsItself) hear(payload);
      return 'published';
    },
    renew() {
      link.renewals += 1;
    },
    stop: async () => undefined,
  };
  const cluster = new Cluster(
    control,
    sockets,
    { nodeName: 'node', instanceId: 'own', version: '1.2.3', usedMemory: () => 4711 },
    {
      ...silentLog,
      warn: (fields: unknown, message?: string) => void lines.push({ message, fields: { ...(fields as object) } }),
    },
  );
  cluster.start();
  return {
    cluster,
    link,
    lines,
    /** What the node published, in order. */
    said: (to: string) => said.filter(({ exchange }) => exchange === to),
    advertisements: () => said.filter(({ exchange }) => exchange === 'nodes'),
    up: () => onUp(),
    hear,
  };
}
