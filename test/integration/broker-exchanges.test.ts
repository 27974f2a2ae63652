import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { openClient } from '../support/client.ts';
import { callEvent, conferenceEvent, documentEvent, faxStatus, publish } from '../support/events.ts';
import { fixtureAccount } from '../support/fixtures.ts';
import { management } from '../support/rabbit.ts';
import { until } from '../support/until.ts';

const account = fixtureAccount;
const exchangesSchema = z.array(
  z.object({ name: z.string(), type: z.string(), durable: z.boolean(), auto_delete: z.boolean() }),
);

/** The broker's exchanges, less its own. */
async function exchangesOf({ rabbit, vhost }: Broker): Promise<z.output<typeof exchangesSchema>> {
  const all = exchangesSchema.parse(await management(rabbit, 'GET', `/api/exchanges/${vhost}`));
  return all.filter(({ name }) => name !== '' && !name.startsWith('amq.'));
}

describe('an exchange', () => {
  test('that is missing is declared: topic, not durable; one that nobody needs is not', async () => {
    const bridge = await startBridge();
    const client = await openClient(bridge, { token: await tokenFor(account) });
    const control = [
      { name: 'nodes', type: 'fanout' },
      { name: 'sysconf', type: 'topic' },
      { name: 'targeted', type: 'direct' },
    ];
    // The nodes' own conversation comes up beside the events, in its own time.
    await until(async () => (await exchangesOf(bridge.broker)).length === control.length);
    expect(await exchangesOf(bridge.broker)).toEqual(
      control.map((exchange) => ({ ...exchange, durable: false, auto_delete: false })),
    );
    await client.subscribe(['call.CHANNEL_CREATE.*', 'registration.success.*']);
    const topics = (await exchangesOf(bridge.broker)).filter(
      ({ name }) => !control.some((known) => known.name === name),
    );
    expect(topics).toEqual(
      ['callevt', 'callmgr', 'registrar'].map((name) => ({ name, type: 'topic', durable: false, auto_delete: false })),
    );
  });

  test('that exists with other properties is used as it is', async () => {
    const broker = await useBroker();
    const channel = await broker.channel();
    await channel.assertExchange('callevt', 'topic', { durable: true });
    await channel.assertExchange('configuration', 'topic', { durable: false, autoDelete: true });
    await channel.assertExchange('conference', 'topic', { durable: true, alternateExchange: 'amq.fanout' });
    await channel.assertExchange('nodes', 'fanout', { durable: true });
    await channel.assertExchange('targeted', 'direct', { durable: true });
    const before = await exchangesOf(broker);
    const bridge = await startBridge({}, broker);
    const client = await openClient(bridge, { token: await tokenFor(account) });
    const reply = await client.subscribe(['call.CHANNEL_CREATE.*', 'object.doc_edited.user', 'conference.event.*.*']);
    expect(reply).toMatchObject({ status: 'success' });
    for (const { exchange, routingKey, body } of [
      callEvent(account),
      documentEvent(account),
      conferenceEvent(account),
    ]) {
      channel.publish(exchange, routingKey, Buffer.from(JSON.stringify(body)));
    }
    await client.untilEvents(3);
    const after = await exchangesOf(broker);
    expect(after.filter(({ name }) => before.some((known) => known.name === name))).toEqual(before);
    expect(bridge.logLines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  });

  test.each([
    ['of a pattern that was bound just before', 'call.CHANNEL_CREATE.*'],
    ['of another pattern', 'call.CHANNEL_DESTROY.*'],
  ])('that somebody deleted and made again: a new subscribe %s gets its events at once', async (_which, binding) => {
    const bridge = await startBridge();
    const token = await tokenFor(account);
    const held = await openClient(bridge, { token });
    const client = await openClient(bridge, { token });
    await held.subscribe('call.CHANNEL_CREATE.*');
    const channel = await bridge.broker.channel();
    await channel.deleteExchange('callevt');
    await channel.assertExchange('callevt', 'topic', { durable: false });
    expect(await client.subscribe(binding)).toMatchObject({ status: 'success' });
    await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE'), callEvent(account, 'CHANNEL_DESTROY'));
    const [event] = await client.untilEvents(1);
    expect(event).toMatchObject({ name: binding.split('.')[1] });
  });

  test('that is away altogether is declared again by a new subscribe; what held it before gets events again too', async () => {
    const bridge = await startBridge();
    const token = await tokenFor(account);
    const held = await openClient(bridge, { token });
    await held.subscribe('call.CHANNEL_CREATE.*');
    await bridge.broker.deleteExchange('callevt');
    const client = await openClient(bridge, { token });
    expect(await client.subscribe('call.CHANNEL_CREATE.*')).toMatchObject({ status: 'success' });
    await publish(bridge.broker, callEvent(account));
    await held.untilEvents(1);
    await client.untilEvents(1);
  });

  test('whose name is another kind of exchange fails no subscribe', async () => {
    const broker = await useBroker();
    await (await broker.channel()).assertExchange('callmgr', 'fanout', { durable: false });
    const bridge = await startBridge({}, broker);
    const client = await openClient(bridge, { token: await tokenFor(account) });
    expect(await client.subscribe('registration.success.*')).toMatchObject({ status: 'success' });
    await broker.publishFixture('registration.success.json');
    await client.untilEvents(1);
  });

  test('that this node may not read: its subscribe is source_unavailable, the others are unharmed', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    const client = await openClient(bridge, { token: await tokenFor(account) });
    const other = await openClient(bridge, { token: await tokenFor(account) });
    await other.subscribe('call.CHANNEL_CREATE.*');
    await publish(broker, faxStatus(account));
    await management(broker.rabbit, 'PUT', `/api/permissions/${broker.vhost}/guest`, {
      configure: '.*',
      write: '.*',
      read: '^(?!faxes$).*',
    });
    const refused = client.subscribe('fax.status.*');
    for (let n = 1; n <= 5; n += 1) {
      await publish(broker, callEvent(account));
      await other.untilEvents(n);
      await other.subscribe(`call.CHANNEL_DESTROY.call-${n}`);
    }
    expect(await refused).toMatchObject({ status: 'error', data: { code: 'source_unavailable' } });
    // Nobody wants it any more: the broker is not asked for it again.
    await until(async () => (await bridge.metric('horizon_amqp_patterns')) === 2);
    expect(await broker.patterns()).toEqual(['callevt call.CHANNEL_CREATE.*', 'callevt call.CHANNEL_DESTROY.*']);
  });
});
