/** What becomes of the server when nobody takes its log: a full disk, a pipe without a reader, a reader that has stopped. */
import { describe, expect, test } from 'vitest';
import { startAmqpProxy } from '../support/amqp-proxy.ts';
import { secret, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { openClient } from '../support/client.ts';
import { callAccount } from '../support/fixtures.ts';
import { type Environment, type StartedProcess, startProcess } from '../support/process.ts';
import { freePort } from '../support/rabbit.ts';
import { until } from '../support/until.ts';

/** The server, and how it ended, on standard error of the shell. SIGTERM for the shell is the server's business. */
const server = '{ trap : TERM USR2; "$NODE" dist/main.js; echo "ended with $?" >&2; }';
/** Fills a pipe to its last byte. */
const fill = 'head -c 65536 /dev/zero';

/** Holds a pipe open and reads nothing. */
const deaf = 'sh -c \'trap "" TERM USR2; exec sleep 1000\'';

const unread = 'a full pipe that nobody reads';

const destinations: Record<string, string> = {
  'a full disk': `exec 3>&2; { trap : TERM USR2; "$NODE" dist/main.js > /dev/full 2>/dev/full; echo "ended with $?" >&3; }`,
  'a pipe whose reader has gone (npm start | head -1)': `${server} | head -1`,
  'a pipe without any reader': `${server} | true`,
  [unread]: `{ ${fill}; ${server}; } | ${deaf}`,
};

interface Silent {
  readonly shell: StartedProcess;
  readonly address: string;
  readonly socketAddress: string;
}

/** @param route the one that answers 200 when it has begun */
async function start(script: string, environment: Environment, route = '/readyz'): Promise<Silent> {
  const port = await freePort();
  const shell = startProcess('sh', ['-c', script], {
    NODE: process.execPath,
    PORT: String(port),
    DRAIN_SECONDS: '0',
    ...environment,
  });
  const address = `http://127.0.0.1:${port}`;
  const isReady = (): Promise<boolean> =>
    fetch(`${address}${route}`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(isReady, 'the server has begun');
  return { shell, address, socketAddress: address.replace('http', 'ws') };
}

/** Those of the server: it gets new ones with each connection. */
async function queueNames(broker: Broker): Promise<Set<string>> {
  return new Set((await broker.queues()).map(({ name }) => name));
}

async function linesDropped({ address }: Silent): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text();
  return Number(/^horizon_log_lines_dropped_total (\d+)$/m.exec(text)?.[1]);
}

describe.each(Object.entries(destinations))('standard output is %s', (name, script) => {
  test.each(['off', 'on'])('the server goes on and ends in good order, LOG_PRETTY=%s', async (LOG_PRETTY) => {
    const broker = await useBroker();
    const proxy = await startAmqpProxy(broker.rabbit.amqpPort);
    const running = await start(script, { AMQP_URL: proxy.url(broker.vhost), AUTH_JWT_SECRET: secret, LOG_PRETTY });
    const client = await openClient(running.socketAddress, { token: await tokenFor(callAccount) });
    await client.subscribe('call.CHANNEL_CREATE.*');
    // Something to log: lost connections.
    const before = await queueNames(broker);
    for (const link of proxy.links) link.cut();
    await until(async () => [...(await queueNames(broker))].every((queue) => !before.has(queue)), 'new queues');
    await until(async () => (await broker.patterns()).length === 1, 'the pattern is bound again');
    await broker.publishFixture('call.CHANNEL_CREATE.json');
    await client.untilEvents(1);
    // Where nothing fails, because a reader might come yet, a few lines wait in memory.
    if (name !== unread) expect(await linesDropped(running)).toBeGreaterThan(3);
    running.shell.signalGroup('SIGTERM');
    expect(await client.untilClosed()).toMatchObject({ code: 1012 });
    await running.shell.text(/ended with 0\n/);
  });
});

test('the demo goes on without anybody who reads its banner', async () => {
  const running = await start(`${server} | true`, {});
  const client = await openClient(running.socketAddress);
  await client.ping();
  running.shell.signalGroup('SIGTERM');
  await running.shell.text(/ended with 0\n/);
});

describe('a fault ends the process at once, with 1', () => {
  const thrower = "process.on('SIGUSR2',()=>{throw(new(Error)('fault'))})";
  const environment = {
    AMQP_URL: 'amqp://127.0.0.1:1',
    AUTH_JWT_SECRET: secret,
    NODE_OPTIONS: `--import=data:text/javascript,${thrower}`,
  };

  test.each(Object.entries(destinations))('standard output is %s', async (_name, script) => {
    const { shell } = await start(script, environment, '/healthz');
    shell.signalGroup('SIGUSR2');
    await shell.text(/ended with 1\n/);
  });

  test('standard error is a full pipe that nobody reads', async () => {
    const inner = `trap : USR2; ${fill}; "$NODE" dist/main.js 2>&1 >/dev/null; echo "ended with $?" >&3`;
    const { shell } = await start(`exec 3>&1; { ${inner}; } | ${deaf}`, environment, '/healthz');
    shell.signalGroup('SIGUSR2');
    await shell.text(/ended with 1\n/);
  });
});
