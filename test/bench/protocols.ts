/** How a load client's connection comes to receive events, in each contender's protocol. */
import { randomUUID } from 'node:crypto';

export type ProtocolName = 'horizon' | 'socket.io' | 'plain' | 'stomp' | 'raw';

export interface ConnectionSpec {
  readonly protocol: ProtocolName;
  readonly port: number;
  /** The account whose calls it wants; also the room, the topic, the key. */
  readonly account: string;
  readonly token?: string;
  readonly path?: string;
  /** Horizon: send a `request_id` of its own, as the field's example client does. */
  readonly withRequestId?: boolean;
  /** Horizon: offer permessage-deflate without context takeover. */
  readonly compressed?: boolean;
  readonly binding?: string;
  /** Horizon: the cursor to resume from. */
  readonly since?: string;
}

/** What a protocol says in answer to a small frame: a text to send, `ready`, or nothing. */
export type Step = { readonly send: string } | 'ready' | undefined;

export interface Protocol {
  /** The request line's path; undefined: no WebSocket at all, events come at once. */
  readonly path?: (spec: ConnectionSpec) => string;
  readonly headers?: (spec: ConnectionSpec) => string[];
  /** Sent when the WebSocket is open. */
  readonly onOpen: (spec: ConnectionSpec) => Step;
  readonly onSmall: (text: string) => Step;
}

const binding = 'call.CHANNEL_CREATE.*';

export const protocols: Readonly<Record<ProtocolName, Protocol>> = {
  horizon: {
    path: (spec) => spec.path ?? '/',
    headers: (spec) => [
      `X-Auth-Token: ${spec.token}`,
      ...(spec.compressed
        ? ['Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover']
        : []),
    ],
    onOpen: (spec) => ({
      send: JSON.stringify({
        action: 'subscribe',
        ...(spec.withRequestId && { request_id: randomUUID() }),
        data: {
          account_id: spec.account,
          binding: spec.binding ?? binding,
          ...(spec.since !== undefined && { since: spec.since }),
        },
      }),
    }),
    onSmall: (text) => (text.includes('"status":"success"') ? 'ready' : undefined),
  },
  'socket.io': {
    path: (spec) => `/socket.io/?EIO=4&transport=websocket&account=${spec.account}`,
    onOpen: () => undefined,
    onSmall(text) {
      if (text.startsWith('0')) return { send: '40' };
      if (text.startsWith('40')) return { send: '42["subscribe"]' };
      if (text.startsWith('42["subscribed"')) return 'ready';
      return text === '2' ? { send: '3' } : undefined;
    },
  },
  plain: {
    path: (spec) => `/?account=${spec.account}`,
    onOpen: () => undefined,
    onSmall: (text) => (text === 'ready' ? 'ready' : undefined),
  },
  stomp: {
    path: () => '/ws',
    onOpen: () => ({ send: 'CONNECT\naccept-version:1.2\nlogin:guest\npasscode:guest\nheart-beat:0,0\n\n\0' }),
    onSmall(text) {
      if (text.startsWith('CONNECTED')) {
        return { send: `SUBSCRIBE\nid:0\ndestination:/exchange/callevt/${binding}\nack:auto\nreceipt:r\n\n\0` };
      }
      return text.startsWith('RECEIPT') ? 'ready' : undefined;
    },
  },
  raw: { onOpen: () => 'ready', onSmall: () => undefined },
};
