/** RFC 6455: text is UTF-8 (section 6 of Autobahn's cases). How cases are adapted: `wire-cases.ts`. */
import { afterEach, test } from 'vitest';
import { frameBytes } from '../support/frames.ts';
import { expectUnharmed, fragments, playCase, useOneBridge, type WireCase } from '../support/wire-cases.ts';

const bridge = useOneBridge();
afterEach(() => expectUnharmed(bridge()));

const [before, behind] = JSON.stringify({ action: 'ping', request_id: '@' })
  .split('@')
  .map((part) => Buffer.from(part));

/** A message whose `request_id` is these bytes. */
function around(bytes: Buffer): Buffer {
  return Buffer.concat([before as Buffer, bytes, behind as Buffer]);
}

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const octets = (bytes: Buffer): Buffer[] => [...bytes].map((byte) => Buffer.from([byte]));

/** The message as it is, in two fragments cut inside of the bytes, and octet by octet. */
function everyWay(bytes: Buffer): readonly (readonly Buffer[])[] {
  const message = around(bytes);
  const cut = (before as Buffer).length + Math.ceil(bytes.length / 2);
  return [
    [frameBytes(message)],
    fragments([message.subarray(0, cut), message.subarray(cut)]),
    fragments(octets(message)),
  ];
}

const ways = ['', ', in two fragments', ', octet by octet'];

function valid(number: string, what: string, text: string): WireCase[] {
  return everyWay(Buffer.from(text)).map((frames, index) => [
    number,
    `${what}${ways[index]}`,
    (client) => client.write(Buffer.concat(frames)),
    { replies: [text] },
  ]);
}

function invalid(number: string, hex: string): WireCase[] {
  return everyWay(bytesOf(hex)).map((frames, index) => [
    number,
    `${hex}${ways[index]}`,
    (client) => client.write(Buffer.concat(frames)),
    { closed: 1007 },
  ]);
}

/** The last character of a script, a plane or a length, and the first of the next. */
const edges = [0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x10ffff];
/** Reserved for nobody's use, and nevertheless characters: of every plane the last two, and 32 among the Arabic forms. */
const noncharacters = [
  ...Array.from({ length: 17 }, (_, plane) => [plane * 0x10000 + 0xfffe, plane * 0x10000 + 0xffff]).flat(),
  0xfdd0,
  0xfdef,
];

const empty: readonly WireCase[] = [
  ['6.1.1', 'an empty text', (client) => client.write(frameBytes('')), { replies: ['invalid_json'] }],
  [
    '6.1.2',
    'three empty fragments',
    (client) => client.write(Buffer.concat(fragments(['', '', '']))),
    { replies: ['invalid_json'] },
  ],
  [
    '6.1.3',
    'the middle one of three fragments is not empty',
    (client) => client.write(Buffer.concat(fragments(['', around(Buffer.from('middle')), '']))),
    { replies: ['middle'] },
  ],
];

const invalidBytes: readonly (readonly [string, readonly string[]])[] = [
  ['6.3', ['ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64 69 74 65 64']],
  ['6.4', ['ce ba e1 bd b9 cf 83 ce bc ce b5 f4 90 80 80 65 64 69 74 65 64']],
  // The beginnings of κόσμε that end inside of a character.
  [
    '6.6',
    ['ce', 'ce ba e1', 'ce ba e1 bd', 'ce ba e1 bd b9 cf', 'ce ba e1 bd b9 cf 83 ce', 'ce ba e1 bd b9 cf 83 ce bc ce'],
  ],
  ['6.8', ['f8 88 80 80 80', 'fc 84 80 80 80 80']],
  ['6.10', ['f7 bf bf bf', 'fb bf bf bf bf', 'fd bf bf bf bf bf']],
  ['6.11', ['f4 90 80 80']],
  ['6.12', ['80', 'bf', '80 bf', '80 bf 80', '80 bf 80 bf', '80 bf 80 bf 80', '80 bf 80 bf 80 bf']],
  ['6.13', ['c0 20 c1 20 c2 20 df 20', 'e0 20 e1 20 ef 20', 'f0 20 f1 20 f7 20', 'f8 20 fb 20', 'fc 20 fd 20']],
  [
    '6.14',
    [
      'c0',
      'e0 80',
      'f0 80 80',
      'f8 80 80 80',
      'fc 80 80 80 80',
      'df',
      'ef bf',
      'f7 bf bf',
      'fb bf bf bf',
      'fd bf bf bf bf',
    ],
  ],
  ['6.15', ['c0 e0 80 f0 80 80 f8 80 80 80 fc 80 80 80 80 df ef bf f7 bf bf fb bf bf bf fd bf bf bf bf']],
  ['6.16', ['fe', 'ff', 'fe fe ff ff']],
  // Longer than they need be: a slash, the last character of each length, and nothing.
  ['6.17', ['c0 af', 'e0 80 af', 'f0 80 80 af', 'f8 80 80 80 af', 'fc 80 80 80 80 af']],
  ['6.18', ['c1 bf', 'e0 9f bf', 'f0 8f bf bf', 'f8 87 bf bf bf', 'fc 83 bf bf bf bf']],
  ['6.19', ['c0 80', 'e0 80 80', 'f0 80 80 80', 'f8 80 80 80 80', 'fc 80 80 80 80 80']],
  // Surrogates, alone and in pairs.
  ['6.20', ['ed a0 80', 'ed ad bf', 'ed ae 80', 'ed af bf', 'ed b0 80', 'ed be 80', 'ed bf bf']],
  ['6.21', ['ed a0 80 ed b0 80', 'ed a0 80 ed bf bf', 'ed ad bf ed b0 80', 'ed ae 80 ed bf bf', 'ed af bf ed bf bf']],
];

const cases: readonly WireCase[] = [
  ...empty,
  ...valid('6.2', 'a greeting', 'Hello-µ@ßöäüàá-UTF-8!!'),
  ...valid('6.5', 'κόσμε', 'κόσμε'),
  ...edges.flatMap((point) => valid('6.7', `U+${point.toString(16)}`, String.fromCodePoint(point))),
  ...noncharacters.flatMap((point) =>
    valid('6.22', `U+${point.toString(16)}`, String.fromCodePoint(point)).slice(0, 1),
  ),
  ...valid('6.23', 'the sign for what can’t be shown', '\ufffd\ufffc'),
  ...invalidBytes.flatMap(([number, list]) => list.flatMap((hex) => invalid(number, hex))),
];

test.each(cases)('%s: %s', async (...wireCase) => {
  await playCase(bridge(), wireCase);
});
