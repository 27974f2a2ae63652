/** Several zones, each with a broker of its own: the commands of docs/KAZOO.md, run on real brokers. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { startAmqpProxy } from '../support/amqp-proxy.ts';
import { secret, startBridgeWithoutBroker, tokenFor } from '../support/bridge.ts';
import { Broker } from '../support/broker.ts';
import { type Client, openClient } from '../support/client.ts';
import { callEvent } from '../support/events.ts';
import { management, type Rabbit, startRabbit } from '../support/rabbit.ts';
import { until } from '../support/until.ts';

const section = /\n## Several zones\n(.*?)(?:\n## |$)/s.exec(readFileSync('docs/KAZOO.md', 'utf8'))?.[1] ?? '';
const [atEachZone = '', atTheNodes = ''] = [...section.matchAll(/```sh\n(.*?)```/gs)].map(([, text]) => text);

/** The commands of a script, as a shell takes them apart. */
function commandsOf(script: string): string[][] {
  const say = `{ printf '%s\\0' "\${FUNCNAME[0]}" "$@"; printf '\\n\\0'; }`;
  const shell = `rabbitmqctl() ${say}; rabbitmq-plugins() ${say};\n${script}`;
  const words = execFileSync('bash', ['-euc', shell]).toString().split('\0');
  const commands: string[][] = [[]];
  for (const word of words) {
    if (word === '\n') commands.push([]);
    else commands.at(-1)?.push(word);
  }
  return commands.filter(([name]) => name !== undefined && name !== '');
}

/** Runs what `rabbitmqctl` is asked for, with the addresses of the test's own brokers in the place of the text's. */
async function run(rabbit: Rabbit, script: string, hosts: Readonly<Record<string, number>> = {}): Promise<void> {
  const text = Object.entries(hosts).reduce(
    (all, [host, port]) => all.replaceAll(`${host}/`, `127.0.0.1:${port}/`),
    script,
  );
  for (const [command, ...words] of commandsOf(text)) if (command === 'rabbitmqctl') await rabbit.control(...words);
}

const plugins = (commandsOf(atTheNodes).find(([command]) => command === 'rabbitmq-plugins') ?? []).slice(2);

async function useRabbit(more: readonly string[] = []): Promise<Rabbit> {
  const rabbit = await startRabbit([], more);
  onTestFinished(() => rabbit.remove());
  return rabbit;
}

/** What the links have bound at a zone's broker: patterns of an exchange. */
async function boundAt(zone: Rabbit, exchange: string): Promise<string[]> {
  const bindings = await management(zone, 'GET', `/api/exchanges/%2F/${exchange}/bindings/source`).catch(() => []);
  return z
    .array(z.object({ routing_key: z.string() }))
    .parse(bindings)
    .map(({ routing_key }) => routing_key);
}

/** How many links take what waits for them at a zone's broker. */
async function linksAt(zone: Rabbit, broker: Broker): Promise<number> {
  const queues = z
    .array(z.object({ name: z.string() }))
    .parse(await management(zone, 'GET', '/api/queues/%2F'))
    .filter(({ name }) => name.startsWith('federation: '));
  const channel = await broker.channel();
  const looks = await Promise.all(queues.map(({ name }) => channel.checkQueue(name)));
  return looks.reduce((sum, { consumerCount }) => sum + consumerCount, 0);
}

const callIds = (client: Client): unknown[] =>
  client.events.map(({ args }) => (args as Record<string, unknown>)['Call-ID']);

test('events of all zones arrive, once, also after a link or a whole zone was away; Kazoo’s own exchanges stay as they were', {
  timeout: 180_000,
}, async () => {
  const [near, far] = await Promise.all([useRabbit(plugins), useRabbit()]);
  let isLineDown = false;
  const toFar = await startAmqpProxy(far.amqpPort, {
    onOpen: (link) => {
      if (isLineDown) link.cut();
    },
  });
  await Promise.all([run(near, atEachZone), run(far, atEachZone)]);
  await run(near, atTheNodes, {
    'rabbit.zone-a.example.com': near.amqpPort,
    'rabbit.zone-b.example.com': toFar.port,
  });
  const bridge = await startBridgeWithoutBroker({
    AMQP_URL: `amqp://horizon:PASSWORD@127.0.0.1:${near.amqpPort}/horizon`,
    AUTH_JWT_SECRET: secret,
  });
  const client = await openClient(bridge, { token: await tokenFor('alpha') });
  await until(async () => (await fetch(`${bridge.address}/readyz`)).ok, 'a bridge that is ready');
  expect(await client.subscribe('call.CHANNEL_CREATE.*')).toMatchObject({ status: 'success' });

  const zones = { near: new Broker(near, '/'), far: new Broker(far, '/') };
  onTestFinished(async () => void (await Promise.all(Object.values(zones).map((zone) => zone.disconnect()))));
  const published: string[] = [];
  async function publish(zone: Broker, id: string, account = 'alpha'): Promise<void> {
    const { exchange, routingKey, body } = callEvent(account, 'CHANNEL_CREATE', id);
    await zone.publish(exchange, routingKey, body);
    if (account === 'alpha') published.push(id);
  }
  const allArrived = () => until(() => client.events.length >= published.length, `the calls ${published.join()}`);
  const areLinked = () =>
    until(
      async () => (await boundAt(near, 'callevt')).length > 0 && (await boundAt(far, 'callevt')).length > 0,
      'the links of both zones',
    );

  // A queue on the exchange that Kazoo itself uses: it must hear of its own zone alone.
  const ownChannel = await zones.near.channel();
  await ownChannel.assertExchange('callevt', 'topic', { durable: false });
  const { queue } = await ownChannel.assertQueue('', { exclusive: true });
  await ownChannel.bindQueue(queue, 'callevt', 'call.#');
  const heard: string[] = [];
  await ownChannel.consume(queue, (message) => heard.push(message?.fields.routingKey ?? ''), { noAck: true });

  await areLinked();
  expect(await boundAt(far, 'callevt'), 'no more than the nodes want').toEqual(['call.CHANNEL_CREATE.*']);
  await publish(zones.near, 'near-1');
  await publish(zones.far, 'far-1');
  await publish(zones.far, 'of another account', 'beta');
  await allArrived();

  // The line to the zone breaks; what is published meanwhile comes when it is there again.
  // What the broker sent to the link before it noticed would be lost: `no-ack`.
  isLineDown = true;
  for (const link of toFar.links) link.cut();
  await until(async () => (await linksAt(far, zones.far)) === 0, 'a zone that knows that nobody listens');
  for (const number of [2, 3, 4]) await publish(zones.far, `far-${number}`);
  await publish(zones.near, 'near-2');
  isLineDown = false;
  await allArrived();

  // The whole zone goes, with what was in its broker.
  await zones.far.disconnect();
  await far.stop();
  await publish(zones.near, 'near-3');
  await allArrived();
  await far.start();
  await areLinked();
  await publish(zones.far, 'far-5');
  await publish(zones.near, 'near-4');
  await allArrived();

  await client.ping();
  expect([...callIds(client)].sort()).toEqual([...published].sort());
  await until(() => heard.length >= 4);
  expect(heard).toEqual([1, 2, 3, 4].map((number) => `call.CHANNEL_CREATE.near-${number}`));
});
