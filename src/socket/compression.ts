/**
 * permessage-deflate (RFC 7692), as far as an event can be compressed once for all: without context takeover on either
 * side, and with the full window on ours. ws negotiates it and inflates what clients send; events are deflated in
 * `frame.ts`, and replies go as they are.
 */
import type { IncomingMessage } from 'node:http';
import type { PerMessageDeflateOptions } from 'ws';

/** What the client's side may remember: its messages are small, and each socket that sends one pays for it. 2^10 bytes */
const clientWindowBits = 10;

/** `none`, or how a client's compressed messages can be taken. */
export type Compression = 'none' | 'full-window' | 'small-window';

/** What an upgrade's `Sec-WebSocket-Extensions` makes possible. A client that insists on a smaller window gets none. */
export function offeredCompression(request: IncomingMessage): Compression {
  const offers = (request.headers['sec-websocket-extensions'] ?? '')
    .split(',')
    .filter((offer) => /^\s*permessage-deflate\s*(;|$)/i.test(offer) && !/server_max_window_bits/i.test(offer));
  if (offers.length === 0) return 'none';
  return offers.some((offer) => /client_max_window_bits\s*(;|$)/i.test(offer)) ? 'small-window' : 'full-window';
}

/** ws's options for it. */
export function deflateOptions(compression: Compression): PerMessageDeflateOptions | false {
  if (compression === 'none') return false;
  return {
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    // An offer with a smaller window on our side is passed over, not refused.
    serverMaxWindowBits: false as unknown as number,
    ...(compression === 'small-window' && { clientMaxWindowBits: clientWindowBits }),
    zlibInflateOptions: { chunkSize: 1024 },
  };
}
