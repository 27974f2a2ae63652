/** What happens on a node whose wall clock goes back by an hour while it runs: NTP, a machine that was suspended. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { exportJWK, SignJWT } from 'jose';
import { expect, test } from 'vitest';
import { useBroker } from '../support/broker.ts';
import { openClient } from '../support/client.ts';
import { startFakeNode } from '../support/fake-node.ts';
import { callAccount } from '../support/fixtures.ts';
import { faketime } from '../support/packages.ts';
import { type StartedServer, startServer, useFolder } from '../support/process.ts';
import { answerJson, type Envelope, rest, startNeighbour } from '../support/rest.ts';
import { until } from '../support/until.ts';

const hourMs = 3_600_000;

const signers = Object.fromEntries(
  ['one', 'two'].map((kid) => [kid, generateKeyPairSync('ec', { namedCurve: 'P-256' })]),
);

/** Good for longer than any clock here is wrong. */
function sign(kid: string, key: KeyObject | undefined = signers[kid]?.privateKey): Promise<string> {
  if (key === undefined) throw new Error(`no key ${kid}`);
  return new SignJWT({ account_id: callAccount })
    .setExpirationTime('1d')
    .setProtectedHeader({ alg: 'ES256', kid })
    .sign(key);
}

async function startJwks(): Promise<{ readonly url: string; readonly published: Set<string> }> {
  const published = new Set(['one']);
  const keys = Object.entries(signers).map(async ([kid, { publicKey }]) => ({ kid, ...(await exportJWK(publicKey)) }));
  const all = await Promise.all(keys);
  const { address } = await startNeighbour((_request, _body, response) =>
    answerJson(response, 200, { keys: all.filter(({ kid }) => published.has(kid)) }),
  );
  return { url: `${address}/keys`, published };
}

/** How far the wall clock of a node is behind that of the test. ms */
async function behind(node: StartedServer): Promise<number> {
  const { timestamp } = (await (await fetch(`${node.address}/healthz`)).json()) as Envelope;
  return Date.now() - Date.parse(timestamp);
}

test('a wall clock that goes back by an hour changes nothing but dates', async () => {
  const broker = await useBroker();
  const jwks = await startJwks();
  const write = await useFolder();
  const offset = await write('offset', '+0');
  const start = (name: string) =>
    startServer({
      AMQP_URL: broker.url,
      AUTH_JWKS_URL: jwks.url,
      NODE_NAME: name,
      LD_PRELOAD: faketime.path,
      FAKETIME_TIMESTAMP_FILE: offset,
      FAKETIME_NO_CACHE: '1',
      // The kernel's monotonic clock is what nobody can set.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    });
  const [north, south] = await Promise.all([start('north'), start('south')]);
  const witness = await startFakeNode(broker, 'witness');
  const heardOf = (name: string) =>
    witness.messagesNamed('advertise').filter(({ Node }) => String(Node).endsWith(name)).length;
  const token = await sign('one');
  const client = await openClient(south, { token });
  await client.subscribe('call.CHANNEL_CREATE.*');
  expect(Math.abs(await behind(north))).toBeLessThan(hourMs / 2);

  await writeFile(offset, '-3600');
  await until(async () => (await behind(north)) > hourMs / 2 && (await behind(south)) > hourMs / 2);

  // A key that was not there before is fetched.
  jwks.published.add('two');
  await openClient(north, { headers: { 'x-auth-token': await sign('two') } });

  // Bindings that went with their exchange are made again.
  await broker.deleteExchange('callevt');
  await broker.channel().then((channel) => channel.assertExchange('callevt', 'topic', { durable: false }));
  await until(async () => (await broker.patterns()).includes('callevt call.CHANNEL_CREATE.*'));
  await broker.publishFixture('call.CHANNEL_CREATE.json');
  await client.untilEvents(1);

  // Nodes go on to say that they live, and find each other.
  const before = ['north', 'south'].map(heardOf);
  await until(() => ['north', 'south'].every((name, index) => heardOf(name) >= (before[index] ?? 0) + 2));
  for (const node of [north, south]) {
    const { body } = await rest(node, `/v2/accounts/${callAccount}/websockets`, { token });
    expect(body).not.toHaveProperty('partial');
    expect(body.data).toHaveLength(2);
  }
  expect(client.closed).toBeUndefined();
}, 60_000);
