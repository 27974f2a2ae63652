import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { startAmqpProxy } from '../support/amqp-proxy.ts';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { openClient } from '../support/client.ts';
import { callEvent, publish } from '../support/events.ts';
import { fixtureAccount } from '../support/fixtures.ts';
import { type Rabbit, startRabbit } from '../support/rabbit.ts';
import { until } from '../support/until.ts';

/** A broker of this file's own: it is made to believe that its memory is full. */
let rabbit: Rabbit;
beforeAll(async () => {
  rabbit = await startRabbit();
});
afterAll(() => rabbit.remove());

const account = fixtureAccount;
const rows = z.array(z.record(z.string(), z.unknown()));

/** `rabbitmqctl list_…`. @returns its rows, as of now and not of the last statistics */
async function list(what: string, { vhost }: Broker, ...columns: string[]): Promise<z.output<typeof rows>> {
  const options = ['--quiet', '--formatter', 'json', '--vhost', vhost];
  return rows.parse(JSON.parse(await rabbit.control(`list_${what}`, ...options, ...columns)));
}

describe('two connections', () => {
  test('one consumes and binds, one publishes and asks; heartbeat 5 s', async () => {
    const broker = await useBroker(rabbit);
    const proxy = await startAmqpProxy(rabbit.amqpPort);
    const bridge = await startBridge({ AMQP_URL: proxy.url(broker.vhost) }, broker);
    const client = await openClient(bridge, { token: await tokenFor(account) });
    await client.subscribe(['call.CHANNEL_CREATE.*', 'object.doc_edited.user']);
    await client.unsubscribe();
    await until(() => proxy.links.some(({ asked }) => asked.includes('basic.publish')));
    expect(proxy.links).toHaveLength(2);
    expect(proxy.links.map(({ heartbeatSeconds }) => heartbeatSeconds)).toEqual([5, 5]);
    const [consumer] = proxy.links.filter(({ asked }) => asked.includes('basic.qos'));
    expect(consumer?.asked.filter((method) => method === 'queue.bind')).toHaveLength(2);
    expect(consumer?.asked).not.toContain('basic.publish');
  });

  test('under a memory alarm binds go on while publishing is blocked, and /readyz stays 200', async () => {
    const broker = await useBroker(rabbit);
    const bridge = await startBridge({}, broker);
    const client = await openClient(bridge, { token: await tokenFor(account) });
    await client.subscribe('call.CHANNEL_CREATE.*');
    await publish(broker, callEvent(account, 'CHANNEL_CREATE', 'before'));
    await client.untilEvents(1);
    await rabbit.control('set_vm_memory_high_watermark', 'absolute', '1MB');
    onTestFinished(() => rabbit.control('set_vm_memory_high_watermark', '0.8').then(() => undefined));
    // The publisher that the alarm stops: it is confirmed when the alarm is over.
    let isBlocked = true;
    const waiting = publish(broker, callEvent(account, 'CHANNEL_DESTROY', 'during')).then(() => {
      isBlocked = false;
    });
    for (const event of ['CHANNEL_DESTROY', 'CHANNEL_HOLD']) {
      expect(await client.subscribe(`call.${event}.*`)).toMatchObject({ status: 'success' });
    }
    await client.unsubscribe('call.CHANNEL_HOLD.*');
    await until(async () => (await broker.patterns()).length === 2);
    expect(await broker.patterns()).toEqual(['callevt call.CHANNEL_CREATE.*', 'callevt call.CHANNEL_DESTROY.*']);
    expect((await fetch(`${bridge.address}/readyz`)).status).toBe(200);
    expect(isBlocked).toBe(true);
    await rabbit.control('set_vm_memory_high_watermark', '0.8');
    await waiting;
    const events = await client.untilEvents(2);
    expect(events[1]).toMatchObject({ name: 'CHANNEL_DESTROY', args: { 'Call-ID': 'during' } });
  }, 60_000);

  test('a bridge that starts under a memory alarm binds as well', async () => {
    const broker = await useBroker(rabbit);
    await publish(broker, callEvent(account));
    await rabbit.control('set_vm_memory_high_watermark', 'absolute', '1MB');
    onTestFinished(() => rabbit.control('set_vm_memory_high_watermark', '0.8').then(() => undefined));
    const bridge = await startBridge({}, broker);
    const client = await openClient(bridge, { token: await tokenFor(account) });
    expect(await client.subscribe('call.*.*')).toMatchObject({ status: 'success' });
    expect(await broker.patterns()).toHaveLength(9);
    // A list of sockets must not wait for what can't be asked.
    const response = await fetch(`${bridge.address}/v2/accounts/${account}/websockets`, {
      headers: { 'x-auth-token': await tokenFor(account) },
    });
    expect(await response.json()).toMatchObject({ status: 'success', data: [expect.any(String)] });
  }, 60_000);
});

test('rabbitmqctl list_bindings shows the plan, and list_queues nothing that waits for an acknowledgement', async () => {
  const broker = await useBroker(rabbit);
  const bridge = await startBridge({}, broker);
  const client = await openClient(bridge, { token: await tokenFor(account) });
  await client.subscribe(['call.CHANNEL_CREATE.*', 'call.CHANNEL_CREATE.one', 'fax.status.*']);
  for (let n = 0; n < 20; n += 1) await publish(broker, callEvent(account, 'CHANNEL_CREATE', `call-${n}`));
  await client.untilEvents(20);
  const bound = (await list('bindings', broker, 'source_name', 'routing_key')).filter((row) =>
    ['callevt', 'faxes'].includes(String(row.source_name)),
  );
  expect(bound.map((row) => `${row.source_name} ${row.routing_key}`).sort()).toEqual([
    'callevt call.CHANNEL_CREATE.*',
    `faxes fax.status.${account}.*`,
  ]);
  for (const queue of await list('queues', broker, 'messages_ready', 'messages_unacknowledged')) {
    expect(queue).toEqual({ messages_ready: 0, messages_unacknowledged: 0 });
  }
  await client.unsubscribe('fax.status.*');
  await client.unsubscribe('call.CHANNEL_CREATE.one');
  await until(async () => (await broker.patterns()).length === 1);
}, 60_000);

test('a queue that somebody deletes is made again, with the whole plan', async () => {
  const broker = await useBroker(rabbit);
  const bridge = await startBridge({}, broker);
  const client = await openClient(bridge, { token: await tokenFor(account) });
  await client.subscribe('call.CHANNEL_CREATE.*');
  const [binding] = await broker.bindings();
  await rabbit.control('delete_queue', '--vhost', broker.vhost, String(binding?.destination));
  await until(async () => {
    const [present] = await broker.bindings();
    return present !== undefined && present.destination !== binding?.destination;
  });
  await publish(broker, callEvent(account));
  await client.untilEvents(1);
  expect(client.closed).toBeUndefined();
}, 60_000);
