/** Looks at what the stream is bound to, without a broker: what is written, and what becomes of a look that is not answered. */
import type { ChannelModel } from 'amqplib';
import { expect, test } from 'vitest';
import { StreamLooks } from '../../src/amqp/stream-looks.ts';
import type { TopologyChannel } from '../../src/amqp/topology-channel.ts';
import { silentLog } from '../support/silent-log.ts';
import { until } from '../support/until.ts';

interface Written {
  readonly exchange: string;
  readonly message: Readonly<Record<string, unknown>>;
}

function looking() {
  const written: Written[] = [];
  const publish = (exchange: string, _key: string, body: Buffer): boolean => {
    written.push({ exchange, message: JSON.parse(body.toString()) });
    return true;
  };
  const model = { createConfirmChannel: async () => ({ on: () => undefined, publish }) };
  const exchanges = [
    { name: 'callevt', families: ['call'], routingPatterns: ['call.CHANNEL_CREATE.*'], isOptional: false },
  ];
  const topology = {} as TopologyChannel;
  const looks = new StreamLooks('history', exchanges, topology, () => model as unknown as ChannelModel, silentLog);
  return { looks, written };
}

test('a look is a canary through each exchange and behind them a fence; it ends when both came back', async () => {
  const { looks, written } = looking();
  const look = looks.look(undefined);
  await until(() => written.length === 2);
  const [canary, fence] = written;
  expect([canary?.exchange, fence?.exchange]).toEqual(['callevt', '']);
  expect(fence?.message).toMatchObject({ kind: 'fence', looked: ['callevt'], missing: [] });
  looks.onCanary(String(canary?.message.look), 'callevt');
  looks.onFence(fence?.message as never);
  await look;
  expect(looks.lookingSince).toBeUndefined();
});

test('a look that is lost with its broker is given up, and another one can follow', async () => {
  const { looks, written } = looking();
  const lost = expect(looks.look(undefined)).rejects.toThrow('a look did not come back');
  await until(() => written.length === 2);
  expect(looks.lookingSince).toBeGreaterThan(0);
  looks.end('a look did not come back');
  await lost;
  const next = looks.look(undefined);
  await until(() => written.length === 4);
  looks.onCanary(String(written[2]?.message.look), 'callevt');
  looks.onFence(written[3]?.message as never);
  await next;
});
