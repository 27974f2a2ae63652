/** Requests to the REST side, and HTTP servers of the test's own to stand for its neighbours. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** The body of an answer: the envelope. */
export interface Envelope {
  readonly data: unknown;
  readonly status: string;
  readonly request_id: string;
  readonly node: string;
  readonly version: string;
  readonly timestamp: string;
  readonly error?: string;
  readonly message?: string;
  readonly partial?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Envelope;
}

export interface RestOptions {
  readonly method?: string;
  readonly token?: string | undefined;
  readonly headers?: Record<string, string>;
}

/** @param target `http://127.0.0.1:PORT`, or what has such an address */
export async function rest(
  target: { readonly address: string },
  path: string,
  { method = 'GET', token, headers = {} }: RestOptions = {},
): Promise<Answer> {
  const response = await fetch(`${target.address}${path}`, {
    method,
    headers: { ...(token !== undefined && { 'x-auth-token': token }), ...headers },
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Envelope };
}

/** With any header that there is: `fetch` sets `Host` and `Sec-Fetch-Site` itself. */
export function rawGet(
  address: string,
  headers: Record<string, string>,
): Promise<{ readonly status: number; readonly headers: IncomingMessage['headers']; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(address, { headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      );
    });
    asked.once('error', reject);
    asked.end();
  });
}

/** A neighbour: a JWKS server, a Crossbar. */
export interface Neighbour {
  readonly address: string;
  /** Ends it: whoever asks then is refused the connection. */
  stop(): Promise<void>;
}

/** @param handle answers a request whose body was read already */
export async function startNeighbour(
  handle: (request: IncomingMessage, body: string, response: ServerResponse) => void,
): Promise<Neighbour> {
  const server = createServer((asked, response) => {
    const chunks: Buffer[] = [];
    asked.on('data', (chunk: Buffer) => chunks.push(chunk));
    asked.on('end', () => handle(asked, Buffer.concat(chunks).toString(), response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(stop);
  return { address: `http://127.0.0.1:${port}`, stop };
}

export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
