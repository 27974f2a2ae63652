/** RFC 6455: the closing handshake, limits, and messages in pieces of all sizes. How cases are adapted: `wire-cases.ts`. */
import { afterEach, expect, test } from 'vitest';
import { frameBytes, opcodes } from '../support/frames.ts';
import type { RawClient } from '../support/raw-client.ts';
import { until } from '../support/until.ts';
import {
  chopped,
  echoed,
  expectUnharmed,
  fragments,
  greeted,
  ofSize,
  playCase,
  useOneBridge,
  type WireCase,
} from '../support/wire-cases.ts';

const bridge = useOneBridge();
afterEach(() => expectUnharmed(bridge()));

const hello = frameBytes(echoed('Hello'));
const ping = frameBytes('late', { opcode: opcodes.ping });

function closeFrame(code?: number, reason: Buffer | string = ''): Buffer {
  const head = Buffer.alloc(code === undefined ? 0 : 2);
  if (code !== undefined) head.writeUInt16BE(code);
  return frameBytes(Buffer.concat([head, Buffer.from(reason)]), { opcode: opcodes.close });
}

const sends =
  (...frames: readonly Buffer[]) =>
  (client: RawClient): unknown =>
    client.write(Buffer.concat(frames));

const handshake: readonly WireCase[] = [
  [
    '7.1.1',
    'a message, and a close',
    async (client) => {
      await greeted(client);
      client.write(closeFrame(1000));
    },
    { replies: ['Hello'], closed: 1000 },
  ],
  ['7.1.2', 'two closes', sends(closeFrame(1000), closeFrame(1001)), { closed: 1000 }],
  ['7.1.3', 'a ping behind a close', sends(closeFrame(1000), ping), { closed: 1000 }],
  ['7.1.4', 'a message behind a close', sends(closeFrame(1000), hello), { closed: 1000 }],
  [
    '7.1.5',
    'a close between two fragments',
    sends(frameBytes('{"action"', { fin: false }), closeFrame(1000), frameBytes(':"ping"}', { opcode: 0 })),
    { closed: 1000 },
  ],
  [
    '7.1.6',
    'a large message, a close, a ping',
    async (client) => {
      client.sendFrame(ofSize(65_536));
      await until(() => client.textCount > 0, 'the reply');
      client.write(Buffer.concat([closeFrame(1000), ping]));
    },
    { replies: ['size'], closed: 1000 },
  ],
  ['7.3.1', 'a close without a code', sends(closeFrame()), { closed: 'none' }],
  ['7.3.2', 'a close with half a code', sends(frameBytes('x', { opcode: opcodes.close })), { closed: 1002 }],
  ['7.3.3', 'a close with a code', sends(closeFrame(1000)), { closed: 1000 }],
  ['7.3.4', 'a close with a reason', sends(closeFrame(1000, 'Hello World!')), { closed: 1000 }],
  ['7.3.5', 'a close with the longest reason', sends(closeFrame(1000, '*'.repeat(123))), { closed: 1000 }],
  ['7.3.6', 'a close with a longer reason', sends(closeFrame(1000, '*'.repeat(124))), { closed: 1002 }],
  [
    '7.5.1',
    'a reason that is not UTF-8',
    sends(closeFrame(1000, Buffer.from([0xce, 0xba, 0xed, 0xa0, 0x80]))),
    { closed: 1007 },
  ],
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999].map(
    (code): WireCase => ['7.7', `a close with ${code}`, sends(closeFrame(code)), { closed: code }],
  ),
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map(
    (code): WireCase => [
      code < 5000 ? '7.9' : '7.13',
      `a close with ${code}, which none may send`,
      sends(closeFrame(code)),
      { closed: 1002 },
    ],
  ),
];

const parts = (message: string, bytes: number): string[] =>
  Array.from({ length: Math.ceil(message.length / bytes) }, (_, index) =>
    message.slice(index * bytes, (index + 1) * bytes),
  );

const limits: readonly WireCase[] = [
  ['9.1', 'the largest message', sends(frameBytes(ofSize(65_536))), { replies: ['size'] }],
  ['9.1', 'a larger one', sends(frameBytes(ofSize(65_537))), { closed: 1009 }],
  ...[256, 1024, 4096, 16_384, 65_536].map(
    (size): WireCase => [
      '9.3',
      `the largest message in fragments of ${size} bytes`,
      sends(...fragments(parts(ofSize(65_536), size))),
      { replies: ['size'] },
    ],
  ),
  ['9.3', 'in smaller ones', sends(...fragments(parts(ofSize(65_536), 255))), { closed: 1008 }],
  ['9.3', 'a larger message in fragments', sends(...fragments(parts(ofSize(65_537), 4096))), { closed: 1009 }],
  ...[256, 512, 1024, 2048].map(
    (size): WireCase => [
      '9.5',
      `the largest message in packets of ${size} bytes`,
      (client) => chopped(client, frameBytes(ofSize(65_536)), size),
      { replies: ['size'] },
    ],
  ),
  ...[17 + 30, 64, 256, 1024].map(
    (size): WireCase => [
      '9.7',
      `a hundred messages of ${size} bytes, one after the other`,
      async (client) => {
        for (let count = 1; count <= 100; count += 1) {
          client.sendFrame(ofSize(size));
          await until(() => client.textCount >= count, 'the reply');
        }
      },
      { replies: Array(100).fill('size') },
    ],
  ),
  [
    '10.1.1',
    'a message in fragments of 1300 bytes',
    sends(...fragments(parts(ofSize(65_535), 1300))),
    { replies: ['size'] },
  ],
];

test.each([...handshake, ...limits])('%s: %s', async (...wireCase) => {
  await playCase(bridge(), wireCase);
});

test('the server answers a close with the client’s own reason', async () => {
  const wireCase: WireCase = ['7.3.4', '', sends(closeFrame(4321, 'goodbye')), { closed: 4321 }];
  const client = await playCase(bridge(), wireCase);
  expect(client.frames.at(-1)?.payload.subarray(2).toString()).toBe('goodbye');
});
