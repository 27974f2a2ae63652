/**
 * Cases of RFC 6455 in the manner of the Autobahn test suite, which expects an echo server. This one echoes what it can:
 * a message `{"action":"ping","request_id":TEXT}` is answered with a reply that carries TEXT, so a case that sends text
 * sends it as a `request_id` and expects it back. A text that is no JSON is answered with `invalid_json`, which proves as
 * well that its frame was understood. Binary messages are closed with 1003. A reply is made behind the turn in which its
 * message was read, so where a fault or a close follows a message, the case waits for the reply first. UTF-8 is looked at
 * when a message is whole, which Autobahn calls non-strict. The numbers are those of Autobahn's cases.
 */
import { afterAll, beforeAll, expect } from 'vitest';
import { tokenFor } from './bridge.ts';
import { type EmbeddedBridge, startBridge } from './embedded.ts';
import { type FrameOptions, frameBytes, opcodes } from './frames.ts';
import { openRaw, type RawClient } from './raw-client.ts';
import { until } from './until.ts';

/** What the server is to do, up to the end of the case. */
export interface Outcome {
  /** What the replies echo, in order; `invalid_json` where there was nothing to echo. */
  readonly replies?: readonly string[];
  /** Payloads of its pongs, in order. */
  readonly pongs?: readonly string[];
  /** The close frame's code, `none` for one without; left out: the socket stays open. */
  readonly closed?: number | 'none';
}

/** Number, what it is about, what the client sends, what comes of it. */
export type WireCase = readonly [string, string, (client: RawClient) => unknown, Outcome];

export const echoed = (text: string): string => JSON.stringify({ action: 'ping', request_id: text });

/** A message of exactly so many bytes, whose reply echoes `size`. */
export function ofSize(bytes: number): string {
  const frame = (padding: string): string => `{"action":"ping","request_id":"size","x":"${padding}"}`;
  return frame('x'.repeat(bytes - frame('').length));
}

/** Sends bytes in pieces, each in a packet of its own. */
export async function chopped(client: RawClient, bytes: Buffer, size = 1): Promise<void> {
  for (let at = 0; at < bytes.length; at += size) {
    client.write(bytes.subarray(at, at + size));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Sends a message and waits for its reply, which echoes `Hello`. */
export async function greeted(client: RawClient): Promise<void> {
  client.sendFrame(echoed('Hello'));
  await until(() => client.textCount > 0 || client.isClosed, 'the reply to Hello');
}

/** A message's frames: the first says what it is, the last that it ends. */
export function fragments(parts: readonly (string | Buffer)[], first: FrameOptions = {}): Buffer[] {
  return parts.map((part, index) =>
    frameBytes(part, { ...(index === 0 ? first : { opcode: opcodes.continuation }), fin: index === parts.length - 1 }),
  );
}

/** One server for the file. Rates and its own pings have tests of their own and would only get in between. */
export function useOneBridge(): () => EmbeddedBridge {
  let bridge: EmbeddedBridge | undefined;
  beforeAll(async () => {
    bridge = await startBridge({
      COMPRESSION: 'on',
      PING_INTERVAL_SECONDS: '86400',
      RATE_LIMIT_PER_SECOND: '100000',
      RATE_LIMIT_BURST: '100000',
    });
  });
  afterAll(() => bridge?.stop());
  return () => {
    if (bridge === undefined) throw new Error('the bridge was not started');
    return bridge;
  };
}

/** Plays a case on a socket of its own. A token comes with its upgrade, so that messages of all sizes are taken. */
export async function playCase(
  bridge: EmbeddedBridge,
  [, , send, outcome]: WireCase,
  headers: Readonly<Record<string, string>> = {},
): Promise<RawClient> {
  const client = await openRaw(bridge, { headers: { 'x-auth-token': await tokenFor('alpha'), ...headers } });
  await send(client);
  if (outcome.closed === undefined) {
    client.sendFrame(echoed('the end of the case'));
    await until(() => replies(client).includes('the end of the case') || client.isClosed, 'the last reply');
  } else await client.untilClosed();
  const { replies: expected = [], pongs = [], closed } = outcome;
  expect({ replies: replies(client), pongs: pongsOf(client), closed: closeOf(client) }).toEqual({
    replies: closed === undefined ? [...expected, 'the end of the case'] : expected,
    pongs,
    closed,
  });
  return client;
}

function replies(client: RawClient): string[] {
  return client.texts.map((text) => {
    const reply = JSON.parse(text) as { request_id: string; data: { code?: string } };
    return reply.data.code ?? reply.request_id;
  });
}

function pongsOf(client: RawClient): string[] {
  return client.frames.filter(({ opcode }) => opcode === opcodes.pong).map(({ payload }) => payload.toString('latin1'));
}

function closeOf(client: RawClient): Outcome['closed'] {
  const frame = client.frames.find(({ opcode }) => opcode === opcodes.close);
  if (frame === undefined) return undefined;
  return frame.payload.length === 0 ? 'none' : frame.payload.readUInt16BE(0);
}

/** Whoever came before: the server is as it was, and has no fault in its log. */
export function expectUnharmed(bridge: EmbeddedBridge): void {
  expect(bridge.logLines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
}
