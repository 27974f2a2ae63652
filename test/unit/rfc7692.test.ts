/** RFC 7692, permessage-deflate (sections 12 and 13 of Autobahn's cases). How cases are adapted: `wire-cases.ts`. */
import { randomBytes } from 'node:crypto';
import { constants, deflateRawSync, type ZlibOptions } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { frameBytes, opcodes } from '../support/frames.ts';
import type { RawClient } from '../support/raw-client.ts';
import { until } from '../support/until.ts';
import {
  chopped,
  echoed,
  expectUnharmed,
  fragments,
  ofSize,
  playCase,
  useOneBridge,
  type WireCase,
} from '../support/wire-cases.ts';

const bridge = useOneBridge();
afterEach(() => expectUnharmed(bridge()));

/** What the server lets clients remember, where it may say so. */
const windowBits = 10;

/** RFC 7692, section 7.2.1: flushed, without the last four bytes. */
function deflated(text: string | Buffer, options: ZlibOptions = {}): Buffer {
  return deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH, windowBits, ...options }).subarray(0, -4);
}

const compressed = (text: string | Buffer, options?: ZlibOptions): Buffer =>
  frameBytes(deflated(text, options), { reserved: 4 });

/** What compresses well, what doesn't, and what is neither. */
const contents: Readonly<Record<string, (bytes: number) => string>> = {
  'one character': ofSize,
  noise: (bytes) => filled(bytes, randomBytes(bytes).toString('base64')),
  words: (bytes) => filled(bytes, 'call.CHANNEL_CREATE.* conference.event.* '.repeat(bytes / 20)),
};

function filled(bytes: number, filling: string): string {
  const empty = ofSize(48);
  return empty.replace(/x+"}$/, `${filling.slice(0, bytes - 48 + (/x+(?="}$)/.exec(empty)?.[0].length ?? 0))}"}`);
}

const sizes: readonly WireCase[] = Object.entries(contents).flatMap(([content, make], section) =>
  [64, 256, 1024, 4096, 8192, 16_384, 32_768, 65_536].map(
    (size, index): WireCase => [
      `12.${section + 1}.${index + 1}`,
      `${content}, ${size} bytes, five times, and not compressed once`,
      async (client) => {
        for (let count = 1; count <= 5; count += 1) {
          client.write(compressed(make(size)));
          await until(() => client.textCount >= count || client.isClosed, 'the reply');
        }
        client.sendFrame(make(size));
      },
      { replies: Array(6).fill('size') },
    ],
  ),
);

const hello = echoed('Hello');
const pieces = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );

const forms: readonly WireCase[] = [
  [
    '12.4',
    'a compressed message in fragments',
    (client) => client.write(Buffer.concat(fragments(pieces(deflated(ofSize(65_536)), 10), { reserved: 4 }))),
    { replies: ['size'] },
  ],
  [
    '12.4',
    'octet by octet, with a ping among them',
    async (client) => {
      const [first, ...others] = fragments(pieces(deflated(hello), 1), { reserved: 4 });
      const ping = frameBytes('p', { opcode: opcodes.ping });
      await chopped(client, Buffer.concat([first as Buffer, ping, ...others]));
    },
    { replies: ['Hello'], pongs: ['p'] },
  ],
  [
    '12.5',
    'stored and not compressed',
    (client) => client.write(compressed(hello, { level: 0 })),
    { replies: ['Hello'] },
  ],
  [
    '12.5',
    'in several blocks',
    (client) =>
      client.write(
        frameBytes(
          Buffer.concat([deflated(hello.slice(0, 9)), Buffer.from([0, 0, 0xff, 0xff]), deflated(hello.slice(9))]),
          { reserved: 4 },
        ),
      ),
    { replies: ['Hello'] },
  ],
  [
    '12.5',
    'nothing, compressed',
    (client) => client.write(frameBytes(Buffer.from([0]), { reserved: 4 })),
    { replies: ['invalid_json'] },
  ],
  [
    '12.6',
    'compressed ping',
    (client) => client.sendFrame('', { opcode: opcodes.ping, reserved: 4 }),
    { closed: 1002 },
  ],
  [
    '12.6',
    'a continuation that says that it is compressed',
    (client) => {
      const [first, second] = pieces(deflated(hello), 20);
      client.sendFrame(first as Buffer, { reserved: 4, fin: false });
      client.sendFrame(second as Buffer, { reserved: 4, opcode: opcodes.continuation });
    },
    { closed: 1002 },
  ],
  [
    '12.7',
    'what can’t be inflated',
    (client) => client.sendFrame(Buffer.alloc(20, 0xff), { reserved: 4 }),
    { closed: 1007 },
  ],
  [
    '12.7',
    'what is not UTF-8',
    (client) => client.write(compressed(Buffer.from([0x22, 0xff, 0x22]))),
    { closed: 1007 },
  ],
  ['12.8', 'what grows beyond the limit', (client) => client.write(compressed(ofSize(65_537))), { closed: 1009 }],
  [
    '12.8',
    'what grows beyond all measure',
    (client) => client.write(compressed('x'.repeat(50_000_000))),
    { closed: 1009 },
  ],
  [
    '12.9',
    'a compressed binary message',
    (client) => client.write(frameBytes(deflated('x'), { opcode: opcodes.binary, reserved: 4 })),
    { closed: 1003 },
  ],
];

const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' };

test.each([...sizes, ...forms])('%s: %s', async (...wireCase) => {
  const client = await playCase(bridge(), wireCase, offer);
  expect(client.head).toMatch(/^sec-websocket-extensions: permessage-deflate;/im);
});

/** What the client offers, and what it must keep to then. */
test.each([
  ['13.1', 'permessage-deflate', 'server_no_context_takeover; client_no_context_takeover', 15],
  [
    '13.2',
    'permessage-deflate; server_no_context_takeover',
    'server_no_context_takeover; client_no_context_takeover',
    15,
  ],
  [
    '13.3',
    'permessage-deflate; client_no_context_takeover',
    'server_no_context_takeover; client_no_context_takeover',
    15,
  ],
  ['13.4', 'permessage-deflate; client_max_window_bits', 'client_max_window_bits=10', 10],
  ['13.5', 'permessage-deflate; client_max_window_bits=9', 'server_no_context_takeover; client_no_context_takeover', 9],
  ['13.6', 'permessage-deflate; server_max_window_bits=9, permessage-deflate', 'client_no_context_takeover', 15],
] as const)('%s: %s', async (number, offered, accepted, windowBits) => {
  const play = async (client: RawClient): Promise<void> => {
    for (let count = 1; count <= 3; count += 1) {
      client.write(
        compressed(filled(30_000, 'call.CHANNEL_CREATE.* conference.event.* '.repeat(2000)), { windowBits }),
      );
      await until(() => client.textCount >= count || client.isClosed, 'the reply');
    }
  };
  const wireCase: WireCase = [number, offered, play, { replies: ['size', 'size', 'size'] }];
  const client = await playCase(bridge(), wireCase, { 'Sec-WebSocket-Extensions': offered });
  expect(client.head?.toLowerCase()).toContain(accepted);
});

test('13.7: without the offer a compressed message is a fault of the protocol', async () => {
  await playCase(bridge(), ['13.7', '', (client) => client.write(compressed(hello)), { closed: 1002 }]);
});
