/** Two nodes behind HAProxy, while one of them is full, away or restarted, and while HAProxy itself is reloaded. */
import { connect } from 'node:tls';
import { expect, test } from 'vitest';
import { startAmqpProxy } from '../support/amqp-proxy.ts';
import { type Bridge, startBridge, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { type Client, openClient } from '../support/client.ts';
import { callEvent, publish } from '../support/events.ts';
import { type HaproxyFront, makeCertificate, openHttp2Socket, startProxy, useProxyFolder } from '../support/proxy.ts';
import { freePort } from '../support/rabbit.ts';
import { until } from '../support/until.ts';

type Settings = Readonly<Record<string, string>>;

interface World {
  readonly proxy: HaproxyFront;
  readonly one: Bridge;
  readonly two: Bridge;
  open(): Promise<Client>;
  /** How many sockets each node has. */
  counts(): Promise<[one: number, two: number]>;
}

/** Two nodes on one broker, and HAProxy before them. */
async function startWorld(settingsOfOne: Settings = {}, ofBoth: Settings = {}): Promise<World> {
  const broker = await useBroker();
  const ports: [number, number] = [await freePort(), await freePort()];
  const one = await startBridge({ ...ofBoth, PORT: String(ports[0]), NODE_NAME: 'node1', ...settingsOfOne }, broker);
  const two = await startBridge({ ...ofBoth, PORT: String(ports[1]), NODE_NAME: 'node2' }, broker);
  const proxy = await startProxy(ports);
  const token = await tokenFor('alpha');
  return {
    proxy,
    one,
    two,
    open: () => openClient(proxy.socketAddress, { ...proxy.trust, token }),
    counts: async () => [await one.metric('horizon_sockets'), await two.metric('horizon_sockets')],
  };
}

test('the node with the fewest sockets gets the next one', async () => {
  const world = await startWorld();
  for (let count = 0; count < 4; count += 1) await world.open();
  expect(await world.counts()).toEqual([2, 2]);
});

test('a node that is full says 503, and the other one takes the socket', async () => {
  const world = await startWorld({ MAX_CONNECTIONS: '1' });
  for (let count = 0; count < 5; count += 1) await (await world.open()).ping();
  expect(await world.counts()).toEqual([1, 4]);
  const session = await world.proxy.http2();
  for (let count = 0; count < 3; count += 1) {
    expect((await openHttp2Socket(session)).head, 'over HTTP/2 as well').toBe('HTTP/2 200');
  }
  expect(await world.counts()).toEqual([1, 7]);
});

test('a node whose /readyz says 503 gets no new sockets and keeps those it has', async () => {
  let isAway = false;
  const broker = await useBroker();
  const amqp = await startAmqpProxy(broker.rabbit.amqpPort, {
    onOpen: (link) => {
      if (isAway) link.cut();
    },
  });
  const world = await startWorld({ AMQP_URL: amqp.url(broker.vhost) });
  const clients = [await world.open(), await world.open(), await world.open(), await world.open()];
  expect(await world.counts()).toEqual([2, 2]);

  isAway = true;
  for (const link of amqp.links) link.cut();
  await world.proxy.untilNode('node1', 'DOWN');
  for (let count = 0; count < 3; count += 1) await world.open();
  expect(await world.counts()).toEqual([2, 5]);
  for (const client of clients) await client.ping();

  isAway = false;
  await world.proxy.untilNode('node1', 'UP');
  expect((await fetch(`${world.one.address}/readyz`)).status).toBe(200);
  for (const client of clients) await client.ping();
});

test('one node drains: its sockets are closed with 1012 and their delay, new ones go to the other, no event is missed there', async () => {
  const world = await startWorld({}, { DRAIN_SECONDS: '2' });
  const clients = [await world.open(), await world.open(), await world.open(), await world.open()];
  for (const client of clients) await client.subscribe('call.CHANNEL_CREATE.*');
  const drained = world.one.stop();
  const meanwhile = await Promise.all([world.open(), world.open()]);
  await drained;
  await until(() => clients.filter(({ closed }) => closed !== undefined).length === 2);
  const leaving = clients.filter(({ closed }) => closed !== undefined);
  const staying = clients.filter(({ closed }) => closed === undefined);
  for (const { closed } of leaving) {
    expect(closed).toMatchObject({ code: 1012 });
    expect(JSON.parse(closed?.reason ?? '')).toEqual({ reconnect: expect.any(Number) });
  }
  const back = await Promise.all(leaving.map(() => world.open()));
  for (const client of [...back, ...meanwhile]) await client.subscribe('call.CHANNEL_CREATE.*');
  await publish(world.two.broker, callEvent('alpha', 'CHANNEL_CREATE', 'after-the-drain'));
  for (const client of [...staying, ...back, ...meanwhile]) {
    expect(await client.untilEvents(1)).toMatchObject([{ args: { 'Call-ID': 'after-the-drain' } }]);
  }
  expect((await world.counts())[1]).toBe(6);
});

test('no node is ready: 503 with Retry-After, in words', async () => {
  const proxy = await startProxy([await freePort(), await freePort()]);
  await proxy.untilNode('node1', 'DOWN');
  await proxy.untilNode('node2', 'DOWN');
  const answer = await proxy.get('/v2/websockets');
  expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
  expect(JSON.parse(answer.text)).toEqual({ data: {}, error: '503', message: 'no node is ready', status: 'error' });
});

test('a reload: open tunnels stay, and new connections are taken', async () => {
  const world = await startWorld();
  const before = await world.open();
  await before.subscribe('call.CHANNEL_CREATE.*');
  const session = await world.proxy.http2();
  const stream = await openHttp2Socket(session, { 'x-auth-token': await tokenFor('alpha') });
  await world.proxy.reload();
  const after = await world.open();
  await after.subscribe('call.CHANNEL_CREATE.*');
  await publish(world.one.broker, callEvent('alpha', 'CHANNEL_CREATE', 'after-the-reload'));
  for (const client of [before, after]) {
    expect(await client.untilEvents(1)).toMatchObject([{ args: { 'Call-ID': 'after-the-reload' } }]);
  }
  stream.send({ action: 'ping', request_id: 'still-here' });
  await stream.untilFrames(1);
  expect(JSON.parse(stream.texts[0] ?? '')).toMatchObject({ request_id: 'still-here', status: 'success' });
  expect(world.proxy.process.exit).toBeUndefined();
});

test('a certificate is renewed in place, without a reload: open tunnels stay, the next handshake sees the new one', async () => {
  const world = await startWorld();
  const { proxy } = world;
  const client = await world.open();
  const renewed = await makeCertificate(await useProxyFolder());
  const answer = await proxy.command(`set ssl cert ${proxy.certificate.path} <<\n${renewed.pem}`);
  expect(answer).toContain('Transaction created');
  expect(await proxy.command(`commit ssl cert ${proxy.certificate.path}`)).toContain('Success');
  const socket = connect({ port: proxy.port, host: '127.0.0.1', servername: 'localhost', ca: renewed.certificate });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  expect(socket.authorized).toBe(true);
  socket.destroy();
  await client.ping();
});

test('a node is put into drain at the admin socket, and back', async () => {
  const world = await startWorld();
  const client = await world.open();
  await world.proxy.command('set server nodes/node1 state drain');
  await world.proxy.untilNode('node1', 'DRAIN');
  const [before] = await world.counts();
  for (let count = 0; count < 3; count += 1) await world.open();
  expect((await world.counts())[0]).toBe(before);
  await client.ping();
  await world.proxy.command('set server nodes/node1 state ready');
  await until(async () => {
    await world.open();
    return (await world.counts())[0] > before;
  });
});

test('an upgrade as OPERATIONS.md has it: new nodes beside the old ones, and each socket is closed once', async () => {
  const world = await startWorld();
  const { proxy } = world;
  const clients = [await world.open(), await world.open(), await world.open(), await world.open()];
  const ports = [await freePort(), await freePort()];
  const settings = { NODE_NAME: 'new' };
  const fresh = await Promise.all(
    ports.map((port) => startBridge({ ...settings, PORT: String(port) }, world.one.broker)),
  );
  for (const [index, port] of ports.entries()) {
    const answer = await proxy.command(`set server nodes/node${index + 1} addr 127.0.0.1 port ${port}`);
    expect(answer).toContain(`port changed`);
  }
  for (const client of clients) await client.ping();
  const moved: Client[] = [];
  for (const [index, old] of [world.one, world.two].entries()) {
    await old.stop();
    await until(() => clients.filter(({ closed }) => closed !== undefined).length === 2 * (index + 1));
    while (moved.length < 2 * (index + 1)) moved.push(await world.open());
  }
  for (const client of moved) await client.ping();
  expect(clients.map(({ closed }) => closed?.code)).toEqual([1012, 1012, 1012, 1012]);
  expect(await Promise.all(fresh.map((bridge) => bridge.metric('horizon_sockets')))).toEqual([2, 2]);
});
