import { constants, inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { controlFrame, Frame, textFrame, type WireFrame } from '../../src/socket/frame.ts';

interface Parsed {
  readonly opcode: number;
  readonly isDeflated: boolean;
  readonly payload: Buffer;
}

/** Reads one frame by RFC 6455, and inflates it by RFC 7692. */
function parse({ bytes }: { readonly bytes: Buffer }): Parsed {
  const short = (bytes[1] as number) & 0x7f;
  const [size, at] =
    short < 126 ? [short, 2] : short === 126 ? [bytes.readUInt16BE(2), 4] : [Number(bytes.readBigUInt64BE(2)), 10];
  const payload = bytes.subarray(at);
  expect(payload.length).toBe(size);
  expect((bytes[1] as number) & 0x80, 'a server does not mask').toBe(0);
  const isDeflated = ((bytes[0] as number) & 0x40) !== 0;
  const whole = isDeflated ? inflate(payload) : payload;
  return { opcode: (bytes[0] as number) & 0x0f, isDeflated, payload: whole };
}

function inflate(payload: Buffer): Buffer {
  const ended = Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]);
  return inflateRawSync(ended, { finishFlush: constants.Z_SYNC_FLUSH });
}

/** A frame's bytes with its hole filled. */
function filled(frame: WireFrame, tail: Buffer): { readonly bytes: Buffer } {
  expect(frame.holeBytes).toBe(tail.length);
  const bytes = Buffer.from(frame.bytes);
  tail.copy(bytes, frame.holeAt);
  return { bytes };
}

const open = (text: string): Frame => new Frame([Buffer.from('{"name":"X","args":'), Buffer.from(text)]);

describe('an event frame', () => {
  test.each([0, 1, 104, 105, 106, 65_515, 65_516, 65_517, 200_000])(
    'of a body of %i bytes carries it whole',
    (size) => {
      const text = JSON.stringify('x'.repeat(size));
      expect(parse(open(text).text.plain)).toEqual({
        opcode: 1,
        isDeflated: false,
        payload: Buffer.from(`{"name":"X","args":${text}}`),
      });
    },
  );

  test('ends with the tail that its receiver has, plain or deflated', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), fc.string({ maxLength: 300 }), (body, id) => {
        const tail = Buffer.from(`,"request_id":${JSON.stringify(id)}}`);
        const expected = Buffer.concat([Buffer.from('{"name":"X","args":'), Buffer.from(body), tail]);
        const frame = open(body);
        expect(parse(filled(frame.text.withHole(tail.length), tail)).payload).toEqual(expected);
        expect(parse(filled(frame.deflated.withHole(tail.length), tail)).payload).toEqual(expected);
      }),
    );
  });

  test('is smaller deflated, and the same when it is inflated', () => {
    const body = JSON.stringify({ list: Array.from({ length: 50 }, (_, index) => ({ 'Call-ID': index })) });
    const { text, deflated } = open(body);
    expect(deflated.plain.bytes.length).toBeLessThan(text.plain.bytes.length / 2);
    expect(parse(deflated.plain)).toEqual({ ...parse(text.plain), isDeflated: true });
  });

  test('that would not become smaller is not deflated', () => {
    expect(parse(open('1').deflated.plain).isDeflated).toBe(false);
  });

  test('is built once for all, and once for each length of a tail', () => {
    const { text } = open('{}');
    expect(text.plain).toBe(text.plain);
    const [short, long] = [text.withHole(10), text.withHole(20)];
    expect(text.withHole(10)).toBe(short);
    expect(text.withHole(20)).toBe(long);
    expect(text.withHole(10)).toBe(short);
  });
});

test('a text frame carries its text', () => {
  expect(parse(textFrame('{"ü":1}'))).toEqual({ opcode: 1, isDeflated: false, payload: Buffer.from('{"ü":1}') });
});

test('pings and pongs carry their payload', () => {
  expect(parse(controlFrame(9, Buffer.alloc(0)))).toMatchObject({ opcode: 9, payload: Buffer.alloc(0) });
  expect(parse(controlFrame(10, Buffer.from('abc')))).toMatchObject({ opcode: 10, payload: Buffer.from('abc') });
});
