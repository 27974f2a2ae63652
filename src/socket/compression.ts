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

/**
 * One offer that can be accepted. One with a smaller window on our side can't, and neither can one that is not what
 * RFC 7692 says: it is passed over, as if it had not been made.
 */
const acceptableOffer =
  /^\s*permessage-deflate(\s*;\s*((server|client)_no_context_takeover|client_max_window_bits(\s*=\s*("?)([89]|1[0-5])\5)?))*\s*$/;
const anyClientWindow = /client_max_window_bits\s*(;|$)/;

/** What an upgrade's `Sec-WebSocket-Extensions` makes possible. */
export function offeredCompression(header: string | undefined): Compression {
  const offers = (header ?? '').toLowerCase().split(',').filter(isAcceptable);
  if (offers.length === 0) return 'none';
  return offers.some((offer) => anyClientWindow.test(offer)) ? 'small-window' : 'full-window';
}

function isAcceptable(offer: string): boolean {
  if (!acceptableOffer.test(offer)) return false;
  const [, ...names] = offer.split(';').map((parameter) => parameter.split('=', 1)[0]?.trim());
  return new Set(names).size === names.length;
}

/**
 * Leaves of a request's offers the one that is accepted. ws would answer 400 to a header in which any of them is wrong,
 * but such an offer is to be declined, and the socket opened without it (RFC 7692, section 5.1).
 */
export function keepAcceptableOffer(request: IncomingMessage): Compression {
  const compression = offeredCompression(request.headers['sec-websocket-extensions']);
  request.headers['sec-websocket-extensions'] = offerOf[compression];
  return compression;
}

const offerOf = {
  none: undefined,
  'full-window': 'permessage-deflate',
  'small-window': 'permessage-deflate; client_max_window_bits',
} as const;

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
