/** What is typed for the bus, and how its messages are shown. */
import { gzipSync } from 'node:zlib';
import type { ConsumeMessage } from 'amqplib';
import { describe, expect, test } from 'vitest';
import { bodyOf, busJson, busLine } from '../../src/cli/bus-message.ts';
import { readExchange, readKey } from '../../src/cli/routing.ts';
import { selectorOf } from '../../src/cli/select.ts';

const badUsage = expect.objectContaining({ kind: 'badUsage' });

test.each([
  ['callevt', { name: 'callevt', type: 'topic' }],
  ['dialoginfo:direct', { name: 'dialoginfo', type: 'direct' }],
  ['nodes', { name: 'nodes', type: 'fanout' }],
  ['odd:name', { name: 'odd:name', type: 'topic' }],
  ['constructor', { name: 'constructor', type: 'topic' }],
])('%s is an exchange and its type', (text, exchange) => {
  expect(readExchange(text)).toEqual(exchange);
});

test('an exchange without a name, and a key that AMQP can not carry, are bad usage', () => {
  expect(() => readExchange('')).toThrow(badUsage);
  expect(() => readKey('x'.repeat(256))).toThrow(badUsage);
  expect(() => readKey(`{enc:${'.'.repeat(90)}}`)).toThrow(badUsage);
});

test.each([
  ['call.#', 'call.#'],
  ['call.status_req.{enc:a b@192.0.2.1}', 'call.status_req.a+b%40192%2E0%2E2%2E1'],
  ['registration.success.{enc:a.example.com}.{enc:Zoë}', 'registration.success.a%2Eexample%2Ecom.Zo%C3%AB'],
  ['{enc:*}.{enc:}', '*.'],
])('%s is the key %s', (text, key) => {
  expect(readKey(text)).toBe(key);
});

describe('a place in an answer', () => {
  const answer = {
    Channels: [{ switch_url: 'sip:a', 'Other-Leg': null }],
    'Msg-ID': 7,
    twice: 'first',
    Twice: 'second',
    TWICE: null,
  };

  test.each([
    ['Channels[0].switch_url', 'sip:a'],
    ['Twice', 'second'],
    ['channels[0].switch-url', 'sip:a'],
    ['Channels[0]', answer.Channels[0]],
    ['msg_id', 7],
    ['Channels[1].switch_url', undefined],
    ['Channels.length', undefined],
    ['constructor', undefined],
    ['Channels[0].switch_url.x', undefined],
  ])('%s is found', (path, value) => {
    expect(selectorOf(path)(answer)).toEqual(value);
  });

  test('that is no path is bad usage', () => {
    for (const path of ['', '.a', 'a[x]', 'a..b']) expect(() => selectorOf(path)).toThrow(badUsage);
  });
});

describe('a message of the bus', () => {
  const message = (content: Buffer | string, properties: object = {}) =>
    ({
      content: Buffer.from(content),
      properties: { headers: {}, ...properties },
      fields: { exchange: 'callevt', routingKey: 'call.x' },
    }) as unknown as ConsumeMessage;
  const at = new Date(2026, 0, 1, 9, 4, 5, 6);

  test('is a line: time, key, body', () => {
    expect(busLine(message('{ "a": 1 }'), at)).toBe('09:04:05.006  call.x  {"a":1}');
    expect(busLine(message('no \u001B[31mJSON\n'), at)).toBe('09:04:05.006  call.x  no \\u{1b}[31mJSON\\u{a}');
  });

  test('is unpacked where it is packed, and shown as it came where it only says so', () => {
    expect(bodyOf(message(gzipSync('{"a":1}'), { contentEncoding: 'gzip' }))).toEqual({ a: 1 });
    expect(bodyOf(message('{"a":1}', { contentEncoding: 'gzip' }))).toEqual({ a: 1 });
  });

  test('is a line of JSON', () => {
    const packed = message('{"a":"\u001B"}', { contentType: 'application/json', headers: { h: 1 } });
    expect(busJson(packed)).not.toContain('\u001B');
    expect(JSON.parse(busJson(packed))).toEqual({
      exchange: 'callevt',
      routing_key: 'call.x',
      content_type: 'application/json',
      headers: { h: 1 },
      body: '{"a":"\u001B"}',
    });
  });
});
