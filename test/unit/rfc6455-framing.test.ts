/** RFC 6455: framing, control frames, reserved bits, opcodes, fragmentation. How cases are adapted: `wire-cases.ts`. */
import { afterEach, test } from 'vitest';
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

const { text, binary, continuation, ping, pong } = opcodes;
const hello = echoed('Hello');
const halves = [hello.slice(0, 20), hello.slice(20)] as const;
const bytes = Buffer.from([0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff]);

/** Frames as they are, in one write. */
const sends =
  (...frames: readonly Buffer[]) =>
  (client: RawClient): unknown =>
    client.write(Buffer.concat(frames));
/** The same, each byte in a packet of its own. */
const crumbles =
  (...frames: readonly Buffer[]) =>
  (client: RawClient) =>
    chopped(client, Buffer.concat(frames));
/** The same, each frame in a packet of its own. */
const steps =
  (...frames: readonly Buffer[]) =>
  async (client: RawClient) => {
    for (const frame of frames) await chopped(client, frame, frame.length);
  };

const framing: readonly WireCase[] = [
  ['1.1.1', 'an empty text', sends(frameBytes('')), { replies: ['invalid_json'] }],
  ...[125, 126, 127, 128, 65_535, 65_536].map(
    (size, index): WireCase => [
      `1.1.${index + 2}`,
      `a text of ${size} bytes`,
      sends(frameBytes(ofSize(size))),
      { replies: ['size'] },
    ],
  ),
  [
    '1.1.8',
    'a text of 65536 bytes in pieces of 997',
    (client) => chopped(client, frameBytes(ofSize(65_536)), 997),
    { replies: ['size'] },
  ],
  ...[0, 125, 126, 127, 128, 65_535, 65_536].map(
    (size, index): WireCase => [
      `1.2.${index + 1}`,
      `a binary message of ${size} bytes`,
      sends(frameBytes(Buffer.alloc(size, 0xfe), { opcode: binary })),
      { closed: 1003 },
    ],
  ),
];

const controls: readonly WireCase[] = [
  ['2.1', 'a ping without payload', sends(frameBytes('', { opcode: ping })), { pongs: [''] }],
  ['2.2', 'a ping with a text', sends(frameBytes('Hello', { opcode: ping })), { pongs: ['Hello'] }],
  ['2.3', 'a ping with bytes', sends(frameBytes(bytes, { opcode: ping })), { pongs: [bytes.toString('latin1')] }],
  [
    '2.4',
    'a ping with 125 bytes',
    sends(frameBytes(Buffer.alloc(125, 0xfe), { opcode: ping })),
    { pongs: ['\xfe'.repeat(125)] },
  ],
  ['2.5', 'a ping with 126 bytes', sends(frameBytes(Buffer.alloc(126, 0xfe), { opcode: ping })), { closed: 1002 }],
  [
    '2.6',
    'a ping with 125 bytes, byte by byte',
    crumbles(frameBytes(Buffer.alloc(125, 0xfe), { opcode: ping })),
    { pongs: ['\xfe'.repeat(125)] },
  ],
  ['2.7', 'a pong that nobody asked for', sends(frameBytes('', { opcode: pong })), {}],
  ['2.8', 'the same with a payload', sends(frameBytes('unasked', { opcode: pong })), {}],
  [
    '2.9',
    'the same, and a ping',
    sends(frameBytes('unasked', { opcode: pong }), frameBytes('asked', { opcode: ping })),
    { pongs: ['asked'] },
  ],
  ...([sends, crumbles] as const).map(
    (how, index): WireCase => [
      `2.${index + 10}`,
      `ten pings${index === 0 ? '' : ', byte by byte'}`,
      how(...Array.from({ length: 10 }, (_, number) => frameBytes(`payload-${number}`, { opcode: ping }))),
      { pongs: Array.from({ length: 10 }, (_, number) => `payload-${number}`) },
    ],
  ),
];

/** A message that is answered, then a frame, and a ping that is not looked at any more. */
const after =
  (how: typeof sends, frame: Buffer) =>
  async (client: RawClient): Promise<void> => {
    await greeted(client);
    await how(frame, frameBytes('', { opcode: ping }))(client);
  };

const reserved: readonly WireCase[] = [
  ['3.1', 'a text with reserved bit 3', sends(frameBytes(hello, { reserved: 1 })), { closed: 1002 }],
  [
    '3.2',
    'a text, one with bit 2, a ping',
    after(sends, frameBytes(hello, { reserved: 2 })),
    { replies: ['Hello'], closed: 1002 },
  ],
  [
    '3.3',
    'the same with bits 2 and 3, frame by frame',
    after(steps, frameBytes(hello, { reserved: 3 })),
    { replies: ['Hello'], closed: 1002 },
  ],
  [
    '3.4',
    'the same with bit 1, byte by byte',
    after(crumbles, frameBytes(hello, { reserved: 4 })),
    { replies: ['Hello'], closed: 1002 },
  ],
  [
    '3.5',
    'a binary frame with bits 1 and 3',
    sends(frameBytes(bytes, { opcode: binary, reserved: 5 })),
    { closed: 1002 },
  ],
  ['3.6', 'a ping with bits 1 and 2', sends(frameBytes('', { opcode: ping, reserved: 6 })), { closed: 1002 }],
  [
    '3.7',
    'a close frame with all bits',
    sends(frameBytes('', { opcode: opcodes.close, reserved: 7 })),
    { closed: 1002 },
  ],
];

const unknownOpcodes: readonly WireCase[] = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode, index): WireCase[] => {
  const section = `4.${opcode < 8 ? 1 : 2}.${(index % 5) + 1}`;
  return [
    [section, `opcode ${opcode}`, sends(frameBytes('', { opcode })), { closed: 1002 }],
    [
      section,
      `a text, opcode ${opcode} with a payload, a ping, frame by frame`,
      after(steps, frameBytes('payload', { opcode })),
      { replies: ['Hello'], closed: 1002 },
    ],
  ];
});

/** All the ways in which the same frames may come. */
function everyWay(number: number, what: string, frames: readonly Buffer[], outcome: WireCase[3]): readonly WireCase[] {
  return [sends, steps, crumbles].map((how, index) => [
    `5.${number + index}`,
    `${what}${['', ', frame by frame', ', byte by byte'][index]}`,
    how(...frames),
    outcome,
  ]);
}

const start = frameBytes(halves[0], { fin: false });
const end = frameBytes(halves[1], { opcode: continuation });
const stray = (fin: boolean): Buffer => frameBytes('non-continuation payload', { opcode: continuation, fin });

const fragmentation: readonly WireCase[] = [
  ['5.1', 'a ping in two fragments', sends(...fragments(['frag', 'ment'], { opcode: ping })), { closed: 1002 }],
  ['5.2', 'a pong in two fragments', sends(...fragments(['frag', 'ment'], { opcode: pong })), { closed: 1002 }],
  ...everyWay(3, 'a text in two fragments', [start, end], { replies: ['Hello'] }),
  ...everyWay(6, 'a text in two fragments, a ping between them', [start, frameBytes('p', { opcode: ping }), end], {
    replies: ['Hello'],
    pongs: ['p'],
  }),
  ...everyWay(9, 'a continuation of nothing, and a text', [stray(true), frameBytes(hello)], { closed: 1002 }),
  ...everyWay(12, 'the same, not the last one', [stray(false), frameBytes(hello)], { closed: 1002 }),
  [
    '5.15',
    'a text in two fragments, a continuation of nothing, a text',
    async (client) => {
      client.write(Buffer.concat([start, end]));
      await until(() => client.textCount > 0, 'the reply');
      client.write(Buffer.concat([stray(false), frameBytes(hello)]));
    },
    { replies: ['Hello'], closed: 1002 },
  ],
  [
    '5.16',
    'a continuation of nothing before each text in fragments',
    sends(stray(false), start, end, stray(false), start, end),
    { closed: 1002 },
  ],
  ['5.17', 'the same, each the last one', sends(stray(true), start, end, stray(true), start, end), { closed: 1002 }],
  [
    '5.18',
    'a text in two fragments, both of which say that they begin it',
    sends(start, frameBytes(halves[1], { opcode: text })),
    { closed: 1002 },
  ],
  ...[sends, steps].map(
    (how, index): WireCase => [
      `5.${19 + index}`,
      `a text in five fragments with pings among them${index === 0 ? '' : ', frame by frame'}`,
      how(
        frameBytes('{"action":', { fin: false }),
        frameBytes('"pi', { opcode: continuation, fin: false }),
        frameBytes('one', { opcode: ping }),
        frameBytes('ng","request_id"', { opcode: continuation, fin: false }),
        frameBytes(':"Hel', { opcode: continuation, fin: false }),
        frameBytes('two', { opcode: ping }),
        frameBytes('lo"}', { opcode: continuation }),
      ),
      { replies: ['Hello'], pongs: ['one', 'two'] },
    ],
  ),
];

test.each([...framing, ...controls, ...reserved, ...unknownOpcodes, ...fragmentation])(
  '%s: %s',
  async (...wireCase) => {
    await playCase(bridge(), wireCase);
  },
);
