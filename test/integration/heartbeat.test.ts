/** WebSocket pings, from either side. */
import { expect, test } from 'vitest';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { callEvent, publish } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { opcodes, openRaw, type RawClient } from '../support/raw-client.ts';
import { until } from '../support/until.ts';

const quick = { PING_INTERVAL_SECONDS: '1', PONG_TIMEOUT_SECONDS: '1' };

function pingsOf(client: RawClient): number {
  return client.frames.filter(({ opcode }) => opcode === opcodes.ping).length;
}

test('a socket that doesn’t answer a ping is dropped, and its bindings with it', async () => {
  const bridge = await startBridge(quick);
  const dead = await openRaw(bridge, { headers: { 'x-auth-token': await tokenFor('alpha') } });
  dead.send({ action: 'subscribe', request_id: 1, data: { binding: 'call.*.*' } });
  await until(() => dead.texts.length > 0);
  await until(() => pingsOf(dead) > 0 || dead.isClosed);
  expect(dead.isClosed, 'there was a ping to answer').toBe(false);
  await dead.untilClosed();
  expect(dead.closeCode, 'nobody is there to hear a goodbye').toBeUndefined();
  await until(async () => (await bridge.metric('horizon_sockets')) === 0);
  await until(async () => (await bridge.broker.patterns()).length === 0);
});

test('messages are no answer to a ping', async () => {
  const bridge = await startBridge(quick);
  const chatty = await openRaw(bridge);
  await until(() => {
    if (!chatty.isClosed) chatty.send({ action: 'ping' });
    return chatty.isClosed || pingsOf(chatty) > 5;
  });
  expect(chatty.isClosed).toBe(true);
});

test('a socket that answers stays, ping after ping', async () => {
  const bridge = await startBridge(quick);
  const answering = await openRaw(bridge, { headers: { 'x-auth-token': await tokenFor('alpha') } });
  const library = await openClient(bridge);
  let libraryPings = 0;
  library.socket.on('ping', () => {
    libraryPings += 1;
  });
  let answered = 0;
  await until(() => {
    const pings = answering.frames.filter(({ opcode }) => opcode === opcodes.ping);
    for (const { payload } of pings.slice(answered)) answering.sendFrame(payload, { opcode: opcodes.pong });
    answered = pings.length;
    return answering.isClosed || (answered >= 4 && libraryPings >= 4);
  });
  expect(answering.isClosed).toBe(false);
  await library.ping();
});

test('pings don’t come between an event’s bytes, nor out of turn', async () => {
  const bridge = await startBridge(quick);
  const client = await openRaw(bridge, { headers: { 'x-auth-token': await tokenFor('alpha') } });
  client.send({ action: 'subscribe', request_id: 1, data: { binding: 'call.*.*' } });
  await until(() => client.texts.length === 1);
  let answered = 0;
  let published = 0;
  while (answered < 2) {
    await publish(bridge.broker, callEvent('alpha', 'CHANNEL_CREATE', `call-${published}`));
    published += 1;
    const pings = pingsOf(client);
    for (; answered < pings; answered += 1) client.sendFrame('', { opcode: opcodes.pong });
  }
  await allDelivered(bridge);
  await until(() => client.texts.length === published + 1);
  for (const text of client.texts) JSON.parse(text);
});

test('a client’s own ping is answered with its payload', async () => {
  const bridge = await startBridge();
  const client = await openRaw(bridge);
  client.sendFrame('are you there', { opcode: opcodes.ping });
  client.sendFrame('', { opcode: opcodes.ping });
  await client.untilFrames(2);
  expect(client.frames.map(({ opcode, payload }) => [opcode, payload.toString()])).toEqual([
    [opcodes.pong, 'are you there'],
    [opcodes.pong, ''],
  ]);
});

test('a pong that nobody asked for is no fault', async () => {
  const bridge = await startBridge();
  const client = await openRaw(bridge);
  client.sendFrame('unasked', { opcode: opcodes.pong });
  client.send({ action: 'ping', request_id: 1 });
  await client.untilFrames(1);
  expect(JSON.parse(client.texts[0] ?? '')).toMatchObject({ request_id: 1, status: 'success' });
});
