import { expect, test } from 'vitest';
import { bindingsMessage } from '../../src/actions/bindings-message.ts';
import { decodeEnvelope, MalformedMessage, readMessage } from '../../src/protocol/client-message.ts';

test('the first wrong item of a list ends the check, however many follow', () => {
  let looks = 0;
  const bindings = new Proxy(Array(30_000).fill(1), {
    get(target, key, receiver) {
      if (typeof key === 'string' && /^\d+$/.test(key)) looks += 1;
      return Reflect.get(target, key, receiver);
    },
  });
  const envelope = { action: 'subscribe', token: undefined, requestId: 7, json: { data: { bindings } } };
  expect(() => readMessage(envelope, bindingsMessage)).toThrow(
    /^invalid message: data\.bindings\.0: .*expected string/,
  );
  expect(looks).toBeLessThan(5);
});

test.each([
  [{ bindings: 'x' }, 'data.bindings: Invalid input: expected array, received string'],
  [{ bindings: {} }, 'data.bindings: Invalid input: expected array, received object'],
  [{ bindings: ['a', 'b', null] }, 'data.bindings.2: Invalid input: expected string, received null'],
  [{ binding: 1 }, 'data.binding: Invalid input: expected string, received number'],
])('%j is told by its path', (data, said) => {
  const envelope = decodeEnvelope(Buffer.from(JSON.stringify({ action: 'subscribe', request_id: 'r', data })));
  let thrown: unknown;
  try {
    readMessage(envelope, bindingsMessage);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(MalformedMessage);
  expect(thrown).toMatchObject({ message: `invalid message: ${said}`, requestId: 'r' });
});

test('a member that is null is none', () => {
  const message = { action: 'subscribe', auth_token: null, request_id: null, name: null, metadata: null };
  const data = { account_id: null, binding: null, bindings: ['a'], name: null, metadata: null };
  const envelope = decodeEnvelope(Buffer.from(JSON.stringify({ ...message, data })));
  expect(envelope).toMatchObject({ token: undefined, requestId: undefined });
  const absent = { accountId: undefined, name: undefined, metadata: undefined };
  const read = (text: string) => readMessage(decodeEnvelope(Buffer.from(text)), bindingsMessage);
  expect(readMessage(envelope, bindingsMessage)).toMatchObject({ ...absent, bindings: ['a'], namesNoBindings: false });
  expect(read('{"action":"unsubscribe","data":null}')).toMatchObject({ namesNoBindings: true });
  expect(() => read('{"action":null}')).toThrow('invalid message: action:');
  expect(read('{"action":"subscribe","data":{"metadata":{"a":null}}}').metadata).toEqual({ a: null });
});

test('lists that are right are taken, without repetitions', () => {
  const read = (data: unknown) =>
    readMessage(decodeEnvelope(Buffer.from(JSON.stringify({ action: 'subscribe', data }))), bindingsMessage);
  expect(read({ bindings: ['a', 'b', 'a'] })).toMatchObject({ bindings: ['a', 'b'], namesNoBindings: false });
  expect(read({ bindings: [] })).toMatchObject({ bindings: [], namesNoBindings: false });
  expect(read({})).toMatchObject({ bindings: [], namesNoBindings: true });
  expect(read(undefined)).toMatchObject({ bindings: [], namesNoBindings: true });
});

test('who asks for what is known before the rest is looked at', () => {
  const text = '{"action":"subscribe","auth_token":"t","request_id":1,"data":{"bindings":5},"name":{}}';
  expect(decodeEnvelope(Buffer.from(text))).toMatchObject({ action: 'subscribe', token: 't', requestId: 1 });
});
