/**
 * The client library: `connect`, and what comes of it. It has no dependencies, and knows neither a framework nor Node nor
 * browsers by name: docs/CLIENT.md shows it in each of them.
 */
import { HorizonClient } from './horizon-client.ts';
import { ownWebSocket, pageAddress } from './surroundings.ts';
import type { ConnectOptions, Horizon } from './types.ts';

export { HorizonError } from './horizon-error.ts';
export type * from './payloads.ts';
export type * from './types.ts';

/**
 * Connects to a server, and stays connected until it is closed.
 * @throws TypeError where the address is none, or there is no WebSocket here
 */
export function connect(options: ConnectOptions): Horizon {
  const WebSocket = options.WebSocket ?? ownWebSocket();
  if (WebSocket === undefined) throw new TypeError('no WebSocket: give one');
  return new HorizonClient(socketAddress(options.url), WebSocket, options);
}

/** Of a socket that can resume, and whose frames tell binding and account. */
function socketAddress(text: string): string {
  const url = new URL(text, pageAddress());
  url.protocol = url.protocol.replace('http', 'ws');
  if (!/^wss?:$/.test(url.protocol)) throw new TypeError(`no address of a WebSocket: ${url.protocol}`);
  url.hash = '';
  url.searchParams.set('dialect', 'kazoo4');
  url.searchParams.set('resume', 'on');
  return url.href;
}
