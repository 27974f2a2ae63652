/** `listen`: events of the server as they happen, through restarts and lost connections. */
import { WebSocket } from 'ws';
import {
  connect,
  type Filter,
  type GapEvent,
  type Horizon,
  type SocketConstructor,
  type SocketLike,
} from '../client/client.ts';
import { HorizonError } from '../client/horizon-error.ts';
import { eventLine, type ShownEvent } from './event-line.ts';
import { Failure, type FailureKind } from './failure.ts';
import { Server, shownUrl } from './server.ts';
import type { ServerOptions } from './server-options.ts';
import { paintFor, printable, printableJson } from './terminal.ts';
import { countOf, cursorOf, jsonObjectOf, spanMs } from './values.ts';

interface Options extends ServerOptions {
  readonly filter?: string | undefined;
  readonly subaccounts?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly since?: string | undefined;
  readonly for?: string | undefined;
  readonly count?: string | undefined;
}

const defaultBinding = 'call.*.*';

/** @throws Failure where it can't begin, or the server doesn't want us any more */
export async function listen(given: readonly string[], options: Options): Promise<void> {
  const server = new Server(options, process.env);
  const bindings = given.length === 0 ? [defaultBinding] : given;
  const most = options.count === undefined ? Number.POSITIVE_INFINITY : countOf('--count', options.count);
  const forMs = options.for === undefined ? undefined : spanMs('--for', options.for);
  const since = options.since === undefined ? undefined : cursorOf('--since', options.since);
  const filter = options.filter === undefined ? undefined : (jsonObjectOf('--filter', options.filter) as Filter);
  // Whoever has no token, or no server, is told so before anything else.
  await server.token();
  let frame = '';
  const horizon = connect({
    url: server.socketUrl,
    token: () => server.token(),
    account: options.account,
    WebSocket: tappedSocket((text) => {
      frame = text;
    }),
  });
  const paint = paintFor(process.stdout.isTTY, process.env);
  try {
    await new Promise<void>((resolve, reject) => {
      let left = most;
      let last: string | undefined;
      const stop = horizon.subscribe(
        bindings,
        (event) => {
          // An event comes once for each binding that it fits.
          const isAgain = !options.json && event.cursor !== undefined && event.cursor === last;
          last = event.cursor;
          if (left <= 0 || isAgain) return;
          left -= 1;
          const line = options.json
            ? printableJson(frame)
            : eventLine(event as ShownEvent, new Date(), paint, options.subaccounts === true);
          process.stdout.write(`${line}\n`);
          if (left <= 0) resolve();
        },
        { filter, includeSubaccounts: options.subaccounts, since },
      );
      // What is refused at the beginning is why it ends, and needs no second word.
      const begun = stop.ready.then(
        () => horizon.addEventListener('error', ({ error }) => warn(`${error.message} (${error.code})`)),
        (error: unknown) => reject(refusalOf(error)),
      );
      begun.catch(reject);
      watch(horizon, server, reject, () => {
        if (forMs !== undefined) setTimeout(resolve, forMs);
        note(`listening to ${bindings.join(', ')} at ${shownUrl(server.url)}; Ctrl-C ends`);
      });
    });
  } finally {
    horizon.close();
  }
}

/** For a person that waits; programs want to hear of trouble alone. */
function note(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${printable(text)}\n`);
}

function warn(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

/**
 * Says when the connection or the server's broker is away, and when something may be missing.
 * @param onFirst told when it is connected for the first time
 */
function watch(horizon: Horizon, server: Server, fail: (error: Failure) => void, onFirst: () => void): void {
  let wasOpen = false;
  let isAway = false;
  let isSourceAway = false;
  const look = (): void => {
    const { state, reason = 'no reason was given', source } = horizon.status;
    if (state === 'closed') fail(new Failure('refused', `${shownUrl(server.url)}: ${reason}`));
    if (state === 'waiting' && !wasOpen) fail(server.unreachable(reason));
    if (state === 'waiting' && wasOpen && !isAway) {
      isAway = true;
      warn(`the connection is away: ${reason}; what is missed comes when it is back`);
    }
    if (state === 'open') {
      if (isAway) warn('the connection is back');
      isAway = false;
      if (!wasOpen) onFirst();
      wasOpen = true;
    }
    if (source !== 'unknown' && isSourceAway !== (source === 'down')) {
      isSourceAway = source === 'down';
      warn(isSourceAway ? "the server's broker is away: nothing comes" : "the server's broker is back");
    }
  };
  horizon.addEventListener('status', look);
  horizon.addEventListener('gap', ({ reason, bindings }: GapEvent) => {
    warn(`events may be missing (${gapWords(reason)}): ${bindings.join(', ')}`);
  });
}

const gaps: Readonly<Record<string, string>> = {
  notice: 'the server has lost some',
  gap: 'the server has lost some',
  too_old: 'longer ago than the server remembers',
  unknown: 'the server has another history now',
  no_history: 'the server keeps none',
};

const gapWords = (reason: string): string => (Object.hasOwn(gaps, reason) ? (gaps[reason] ?? reason) : reason);

const refusedCodes = /^(token_|account_|scope_)/;
const usageCodes = /^(binding_|invalid_)/;

function refusalOf(error: unknown): Failure {
  const { code, message } = error instanceof HorizonError ? error : new HorizonError('internal', String(error));
  const kind: FailureKind = refusedCodes.test(code) ? 'refused' : usageCodes.test(code) ? 'badUsage' : 'fault';
  const advice = code === 'binding_unsupported' ? '; `event-horizon bindings` lists what can be listened to' : '';
  return new Failure(kind, `${message} (${code})${advice}`);
}

/** A WebSocket whose frames are seen as they came, each just before it is handed over. */
function tappedSocket(onText: (text: string) => void): SocketConstructor {
  return class implements SocketLike {
    onopen: SocketLike['onopen'] = null;
    onmessage: SocketLike['onmessage'] = null;
    onclose: SocketLike['onclose'] = null;
    onerror: SocketLike['onerror'] = null;
    readonly #socket: WebSocket;

    constructor(url: string) {
      this.#socket = new WebSocket(url);
      this.#socket.onopen = (event) => this.onopen?.(event as never);
      this.#socket.onmessage = (event) => {
        if (typeof event.data === 'string') onText(event.data);
        this.onmessage?.(event as never);
      };
      this.#socket.onclose = (event) => this.onclose?.(event as never);
      this.#socket.onerror = (event) => this.onerror?.(event as never);
    }

    send(text: string): void {
      this.#socket.send(text);
    }

    close(code?: number): void {
      this.#socket.close(code);
    }
  };
}
