/** Publishing with confirms over a real broker: what is told, what is kept apart, what is bounded. */
import amqp, { type ChannelModel } from 'amqplib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { RabbitControl } from '../../src/amqp/rabbit-control.ts';
import { RabbitPublisher } from '../../src/amqp/rabbit-publisher.ts';
import { controlBindings } from '../../src/cluster/messages.ts';
import { startAmqpProxy } from '../support/amqp-proxy.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { silentLog } from '../support/silent-log.ts';
import { until } from '../support/until.ts';

async function connectTo(url: string): Promise<ChannelModel> {
  const model = await amqp.connect(url);
  model.on('error', () => undefined);
  // Not waited for: on a line that has fallen silent no goodbye is answered.
  onTestFinished(() => void model.close().catch(() => undefined));
  return model;
}

/** An exchange with a queue behind the key `known`. @returns what came to the queue, when it is asked for */
async function useQueue(broker: Broker): Promise<() => Promise<unknown>> {
  const channel = await broker.channel();
  await channel.assertExchange('things', 'topic', { durable: false });
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, 'things', 'known');
  return async () => {
    const message = await channel.get(queue, { noAck: true });
    return message === false ? undefined : JSON.parse(message.content.toString());
  };
}

describe('publish resolves when the broker has the message', () => {
  test('and it is there', async () => {
    const broker = await useBroker();
    const next = await useQueue(broker);
    const publisher = new RabbitPublisher(await connectTo(broker.url));
    expect(await publisher.publish('things', 'known', { a: 1 })).toBe('published');
    expect(await next()).toEqual({ a: 1 });
  });

  test('a mandatory one that no queue takes is unroutable; one that a queue takes is not, nor one that isn’t mandatory', async () => {
    const broker = await useBroker();
    await useQueue(broker);
    const publisher = new RabbitPublisher(await connectTo(broker.url));
    const all = [
      publisher.publish('things', 'unknown', {}, { mandatory: true }),
      publisher.publish('things', 'known', {}, { mandatory: true }),
      publisher.publish('things', 'unknown', {}),
      publisher.publish('things', 'unknown', {}, { mandatory: true }),
    ];
    expect(await Promise.all(all)).toEqual(['unroutable', 'published', 'published', 'unroutable']);
  });
});

test('an exchange that isn’t there costs nobody else anything, and may be there the next time', async () => {
  const broker = await useBroker();
  const next = await useQueue(broker);
  const publisher = new RabbitPublisher(await connectTo(broker.url));
  const outcomes = await Promise.allSettled([
    publisher.publish('things', 'known', { number: 1 }),
    publisher.publish('nowhere', 'known', {}),
    publisher.publish('things', 'known', { number: 2 }),
    publisher.publish('nowhere', 'known', {}),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  expect(outcomes[1]).toMatchObject({ reason: { code: 404 } });
  expect([await next(), await next(), await next()]).toEqual([{ number: 1 }, { number: 2 }, undefined]);
  await (await broker.channel()).assertExchange('nowhere', 'topic', { durable: false });
  expect(await publisher.publish('nowhere', 'known', {})).toBe('published');
});

test('an exchange of the nodes’ conversation that was deleted: queue and bindings are made again', async () => {
  const broker = await useBroker();
  const control = new RabbitControl([broker.url], 'north', controlBindings, silentLog);
  control.start({ onMessage: () => undefined, onUp: () => undefined });
  onTestFinished(() => control.stop());
  await until(() => control.isUp);
  const { address } = control;
  await broker.deleteExchange('nodes');
  await expect(control.publish('nodes', '', {})).rejects.toMatchObject({ code: 404 });
  await until(() => control.isUp && control.address !== address);
  expect(await control.publish('nodes', '', {}, { mandatory: true })).toBe('published');
});

test('a line that has fallen silent gathers no more than its bound; what is beyond is refused at once', async () => {
  const broker = await useBroker();
  await useQueue(broker);
  const proxy = await startAmqpProxy(broker.rabbit.amqpPort);
  const publisher = new RabbitPublisher(await connectTo(proxy.url(broker.vhost)), 100_000);
  expect(await publisher.publish('things', 'known', { text: 'x'.repeat(90_000) })).toBe('published');
  expect(await publisher.publish('things', 'known', { text: 'x'.repeat(90_000) })).toBe('published');
  proxy.links[0]?.fallSilent();
  const outcomes = Array.from({ length: 50 }, () =>
    publisher.publish('things', 'known', { text: 'x'.repeat(9_000) }).then(
      () => 'published',
      (error: unknown) => String(error),
    ),
  );
  const seen = await Promise.all(outcomes);
  expect(seen.filter((text) => text.includes('too much waits for it'))).toHaveLength(39);
  expect(seen.filter((text) => text.includes('did not answer'))).toHaveLength(11);
});
