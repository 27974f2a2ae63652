/** The files of `deploy/`, as far as they can be tried without Docker, systemd, Prometheus and Grafana. */
import { execFile } from 'node:child_process';
import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { secretSettings, settingsSchema } from '../../src/config.ts';
import { Metrics } from '../../src/metrics.ts';
import { PrimaryMetrics } from '../../src/workers/gathering.ts';
import { startBridge } from '../support/bridge.ts';
import { haproxy } from '../support/packages.ts';
import { projectFolder, startProcess } from '../support/process.ts';
import { edit, makeCertificate, shippedCertificatePath, shippedConfiguration } from '../support/proxy.ts';
import { rest } from '../support/rest.ts';

const run = promisify(execFile);
const read = (path: string): Promise<string> => readFile(join(projectFolder, path), 'utf8');

const settingNames = new Set<string>([
  ...Object.keys(settingsSchema.shape),
  ...secretSettings.map((name) => `${name}_FILE`),
  'NODE_ENV',
]);
const drainSeconds = settingsSchema.shape.DRAIN_SECONDS.parse(undefined) as number;

/** Instructions of a Dockerfile, continued lines joined. */
async function instructions(): Promise<string[]> {
  const text = (await read('deploy/Dockerfile')).replaceAll(/^#.*\n/gm, '').replaceAll(/\\\n\s*/g, '');
  return text.split('\n').filter((line) => line !== '');
}

test('Dockerfile: all that it copies is there and reaches the build', async () => {
  const ignore = (await read('.dockerignore')).split('\n');
  expect(ignore, 'nothing does that is not named').toContain('*');
  const copied = (await instructions())
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
    .flatMap((line) => line.split(' ').slice(1, -1));
  for (const needed of ['src', 'vite.config.ts', 'vite.client.config.ts']) expect(copied).toContain(needed);
  for (const source of copied) {
    await access(join(projectFolder, source.replace(/^\.\//, '')));
    expect(ignore).toContain(`!${source.replace(/^\.\//, '')}`);
  }
});

test('Dockerfile: what it runs is what the build makes, as somebody who is not root', async () => {
  const lines = await instructions();
  const command = JSON.parse(lines.find((line) => line.startsWith('CMD '))?.slice(4) ?? '') as string[];
  expect(command).toEqual(['node', 'dist/main.js']);
  await access(join(projectFolder, 'dist/main.js'));
  expect(lines).toContain('RUN npm ci --omit=dev && npm cache clean --force');
  expect(lines.indexOf('USER node')).toBeGreaterThan(lines.findLastIndex((line) => line.startsWith('COPY ')));
  expect(lines).toContain('STOPSIGNAL SIGTERM');
});

test('Dockerfile: the program needs nothing that `npm ci --omit=dev` leaves out', async () => {
  const { dependencies } = z
    .object({ dependencies: z.record(z.string(), z.string()) })
    .parse(JSON.parse(await read('package.json')));
  const all = await readdir(join(projectFolder, 'src'), { recursive: true });
  // The console's packages are in what Vite makes of it.
  const files = all.filter((name) => name.endsWith('.ts') && !name.startsWith('console/'));
  const packages = new Set<string>();
  for (const file of files) {
    const text = await read(join('src', file));
    for (const [, name = ''] of text.matchAll(/^(?:import|export)\s(?!type\s)[^;]*?from '([^.'][^']*)';/gm)) {
      packages.add(
        name
          .split('/')
          .slice(0, name.startsWith('@') ? 2 : 1)
          .join('/'),
      );
    }
  }
  const foreign = [...packages].filter((name) => !name.startsWith('node:') && !builtinModules.includes(name));
  expect(foreign.length).toBeGreaterThan(5);
  for (const name of foreign) expect(dependencies).toHaveProperty([name]);
});

test('Dockerfile: the health check tells a node that lives from one that does not', async () => {
  const check = (await instructions()).find((line) => line.startsWith('HEALTHCHECK ')) ?? '';
  const [program = '', ...args] = JSON.parse(check.slice(check.indexOf('CMD ') + 4)) as string[];
  const bridge = await startBridge();
  const PORT = new URL(bridge.address).port;
  expect(await startProcess(program, args, { PORT }).ended()).toEqual({ code: 0, signal: null });
  await bridge.stop();
  expect(await startProcess(program, args, { PORT }).ended()).toEqual({ code: 1, signal: null });
});

const composeSchema = z.object({
  services: z.object({
    node1: z.object({
      environment: z.record(z.string(), z.string()),
      networks: z.object({ horizon: z.object({ ipv4_address: z.string() }) }),
      secrets: z.array(z.string()),
      stop_grace_period: z.string(),
    }),
    node2: z.object({ environment: z.record(z.string(), z.string()) }),
    haproxy: z.object({
      entrypoint: z.array(z.string()),
      volumes: z.array(z.string()),
      networks: z.object({ horizon: z.object({ ipv4_address: z.string() }) }),
    }),
  }),
  secrets: z.record(z.string(), z.object({ file: z.string() })),
});

test('compose.yaml: settings that there are, secrets in files, and the proxy is believed', async () => {
  const { services, secrets } = composeSchema.parse(parse(await read('deploy/compose.yaml'), { merge: true }));
  for (const node of [services.node1, services.node2]) {
    for (const name of Object.keys(node.environment)) expect(settingNames).toContain(name);
    expect(node.environment.TRUST_PROXY).toBe(services.haproxy.networks.horizon.ipv4_address);
    for (const name of ['AMQP_URL_FILE', 'AUTH_JWT_SECRET_FILE']) {
      expect(services.node1.secrets).toContain(node.environment[name]?.replace('/run/secrets/', ''));
    }
  }
  expect(services.node1.environment.NODE_NAME).not.toBe(services.node2.environment.NODE_NAME);
  expect(Number.parseInt(services.node1.stop_grace_period, 10)).toBeGreaterThan(drainSeconds + 10);
  for (const { file } of Object.values(secrets)) expect(file).toMatch(/^\.\/secrets\//);
  expect(await read('deploy/.gitignore')).toContain('secrets/');
});

test("compose.yaml: HAProxy's three edits of the shipped file make a file that HAProxy takes without a warning", async () => {
  const { services } = composeSchema.parse(parse(await read('deploy/compose.yaml'), { merge: true }));
  const [shell = '', options, script = ''] = services.haproxy.entrypoint;
  expect([shell, options]).toEqual(['sh', '-euc']);
  const folder = await mkdtemp(join(tmpdir(), 'event-horizon-deploy-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const made = join(folder, 'haproxy.cfg');
  const [sed = '', start] = script.split('; ');
  expect(start?.trim()).toBe('exec haproxy -W -db -f /tmp/haproxy.cfg');
  const inPlace = sed
    .replace('/shipped/haproxy.cfg', join(projectFolder, 'haproxy/haproxy.cfg'))
    .replace('/tmp/haproxy.cfg', made);
  await run(shell, ['-euc', inPlace]);
  const address = services.node1.networks.horizon.ipv4_address;
  const expected = edit(await shippedConfiguration(), {
    [shippedCertificatePath]: '/run/secrets/certificate',
    'server node1 127.0.0.1:5555': `server node1 ${address}:5555`,
    'server node2 127.0.0.1:5556': 'server node2 172.28.7.12:5555',
  });
  const text = await readFile(made, 'utf8');
  expect(text).toBe(expected);
  const { path } = await makeCertificate(folder);
  await writeFile(made, edit(text, { '/run/secrets/certificate': path }));
  await run(haproxy.path, ['-dW', '-c', '-f', made]);
});

test('event-horizon.service: starts what the build makes, waits longer than a drain, leaves a bad configuration alone', async () => {
  const lines = (await read('deploy/event-horizon.service')).split('\n');
  const value = (name: string): string =>
    lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
  expect(value('ExecStart')).toBe('/usr/bin/node dist/main.js');
  expect(Number(value('TimeoutStopSec'))).toBeGreaterThan(drainSeconds + 10);
  expect(value('RestartPreventExitStatus')).toBe('78');
  expect(value('Restart')).toBe('on-failure');
  const names = lines.flatMap((line) => /^Environment=(\w+)=/.exec(line)?.[1] ?? []);
  expect(names.length).toBeGreaterThan(2);
  for (const name of names) expect(settingNames).toContain(name);
  expect(
    lines.filter((line) => /^MemoryDenyWriteExecute/.test(line)),
    'V8 could not run',
  ).toEqual([]);
});

/** The names of all series that `/metrics` may show. */
async function seriesNames(): Promise<Set<string>> {
  const metrics = new Metrics();
  metrics.observe({
    sockets: () => 0,
    subscriptions: () => 0,
    patterns: () => 0,
    isConnected: () => true,
    outages: () => ({ count: 0, seconds: 0 }),
    lostLogLines: () => 0,
  });
  metrics.observeHistory({ bytes: () => 0, seconds: () => 0, lagSeconds: () => 0 });
  const primary = new PrimaryMetrics(() => 0);
  const text = `${await metrics.registry.metrics()}\n${await primary.registry.metrics()}`;
  const names = new Set<string>();
  for (const [, name = '', type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    const endings =
      type === 'histogram' ? ['_bucket', '_sum', '_count'] : type === 'summary' ? ['_sum', '_count'] : [''];
    for (const ending of endings) names.add(name + ending);
  }
  return names;
}

const metricNames = (expression: string): string[] =>
  [...expression.matchAll(/\b(?:horizon|process|nodejs)_\w+/g)].map(([name]) => name);

test('alerts.yaml: every metric that a rule names is one of ours', async () => {
  const rule = z.object({ alert: z.string(), expr: z.string(), annotations: z.object({ summary: z.string() }) });
  const file = z.object({ groups: z.array(z.object({ rules: z.array(rule) })) });
  const { groups } = file.parse(parse(await read('deploy/alerts.yaml')));
  const known = await seriesNames();
  const rules = groups.flatMap(({ rules: ofGroup }) => ofGroup);
  expect(rules.length).toBeGreaterThan(5);
  const operations = await read('docs/OPERATIONS.md');
  for (const { alert, expr } of rules) {
    for (const name of metricNames(expr)) expect(known, alert).toContain(name);
    expect(metricNames(expr).length > 0 || expr.startsWith('up{'), alert).toBe(true);
    expect(operations, 'what to do stands there').toContain(alert);
  }
});

test('grafana-dashboard.json: every metric that a panel names is one of ours, and each of ours is shown', async () => {
  const target = z.object({ expr: z.string() });
  const panel = z.object({ title: z.string(), targets: z.array(target).default([]) });
  const { panels } = z
    .object({ panels: z.array(panel) })
    .parse(JSON.parse(await read('deploy/grafana-dashboard.json')));
  const known = await seriesNames();
  const shown = new Set<string>();
  for (const { title, targets } of panels) {
    for (const { expr } of targets) {
      expect(metricNames(expr).length, title).toBeGreaterThan(0);
      for (const name of metricNames(expr)) {
        expect(known, title).toContain(name);
        shown.add(name);
      }
    }
  }
  const ours = [...known].filter((name) => name.startsWith('horizon_') && !/_(sum|count)$/.test(name));
  for (const name of ours) expect(shown).toContain(name);
});

test('the names that the files use for metrics are those of a running server', async () => {
  const bridge = await startBridge();
  const text = await (await fetch(`${bridge.address}/metrics`)).text();
  expect((await rest(bridge, '/readyz')).status).toBe(200);
  for (const name of ['horizon_sockets', 'horizon_amqp_connected', 'process_open_fds', 'process_max_fds']) {
    expect(text).toMatch(new RegExp(`^${name} \\d`, 'm'));
  }
});
