/** The real HAProxy with the configuration that is shipped, in front of a test's own nodes. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { type RequestOptions, request } from 'node:https';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { haproxy } from './packages.ts';
import { projectFolder, type StartedProcess, startProcess } from './process.ts';
import { freePort } from './rabbit.ts';
import { RawClient } from './raw-client.ts';
import { until } from './until.ts';

const run = promisify(execFile);

const shippedFile = join(projectFolder, 'haproxy/haproxy.cfg');
export const shippedCertificatePath = '/etc/haproxy/certs/event-horizon.pem';

export const shippedConfiguration = (): Promise<string> => readFile(shippedFile, 'utf8');

/** Replaces texts, each of which must stand there exactly once: a test that edits nothing would test nothing. */
export function edit(configuration: string, edits: Readonly<Record<string, string>>): string {
  return Object.entries(edits).reduce((text, [from, to]) => {
    const [before, after, ...more] = text.split(from);
    if (before === undefined || after === undefined || more.length > 0)
      throw new Error(`haproxy.cfg does not hold "${from}" exactly once`);
    return `${before}${to}${after}`;
  }, configuration);
}

export interface Certificate {
  /** A file with certificate and key. */
  readonly path: string;
  /** Both, as text. */
  readonly pem: string;
  /** The certificate alone. */
  readonly certificate: string;
}

/** A folder that is removed when the test ends. */
export async function useProxyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'event-horizon-proxy-'));
  // HAProxy runs as a user of its own once it has started.
  await chmod(folder, 0o755);
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A certificate for `localhost` and 127.0.0.1 that its key signed itself. */
export async function makeCertificate(folder: string, name = 'proxy'): Promise<Certificate> {
  const [key, certificate] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ...['-keyout', key, '-out', certificate],
  ]);
  const path = join(folder, `${name}.pem`);
  const text = await readFile(certificate, 'utf8');
  const pem = text + (await readFile(key, 'utf8'));
  await writeFile(path, pem);
  return { path, pem, certificate: text };
}

export interface HttpsAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface HaproxyFront {
  /** `wss://localhost:PORT` */
  readonly socketAddress: string;
  readonly port: number;
  readonly statisticsPort: number;
  readonly certificate: Certificate;
  readonly process: StartedProcess;
  /** What a client needs to trust it. */
  readonly trust: { readonly ca: string; readonly servername: string };
  /** A REST request over HTTP/1.1. @param options `localAddress: '127.0.0.2'` makes it another client's */
  get(path: string, options?: RequestOptions): Promise<HttpsAnswer>;
  /** A connection that speaks HTTP/2. */
  http2(options?: { readonly localAddress?: string }): Promise<ClientHttp2Session>;
  /** A command at the admin socket. @returns its answer */
  command(text: string): Promise<string>;
  /** Waits until HAProxy counts a node as UP, DOWN, … */
  untilNode(name: 'node1' | 'node2', status: string): Promise<void>;
  /** As `systemctl reload haproxy` does it: a new worker takes over, the old one keeps its tunnels. */
  reload(): Promise<void>;
}

/**
 * @param nodePorts of node1 and node2
 * @param edits more changes of the shipped file, each of which must hit exactly once
 */
export async function startProxy(
  nodePorts: readonly [number, number],
  edits: Readonly<Record<string, string>> = {},
): Promise<HaproxyFront> {
  const folder = await useProxyFolder();
  const certificate = await makeCertificate(folder);
  const [port, statisticsPort] = [await freePort(), await freePort()];
  const adminSocket = join(folder, 'admin.sock');
  const text = edit(await shippedConfiguration(), {
    [shippedCertificatePath]: certificate.path,
    'bind *:7777': `bind *:${port}`,
    'bind 127.0.0.1:8404': `bind 127.0.0.1:${statisticsPort}`,
    'stats socket /var/lib/haproxy/event-horizon.sock': `stats socket ${adminSocket}`,
    'server node1 127.0.0.1:5555': `server node1 127.0.0.1:${nodePorts[0]}`,
    'server node2 127.0.0.1:5556': `server node2 127.0.0.1:${nodePorts[1]}`,
    ...(process.getuid?.() === 0 ? {} : withoutRoot),
    ...edits,
  });
  const file = join(folder, 'haproxy.cfg');
  await writeFile(file, text);
  // -dW: a warning is an error.
  const started = startProcess(haproxy.path, ['-dW', '-W', '-f', file]);
  await started.text(/Loading success/);

  const command = (line: string): Promise<string> => ask(adminSocket, line);

  async function nodeStatus(name: string): Promise<string | undefined> {
    const rows = (await command('show stat')).split('\n').map((row) => row.split(','));
    const column = rows[0]?.indexOf('status') ?? -1;
    return rows.find((row) => row[0] === 'nodes' && row[1] === name)?.[column];
  }

  const workerPid = async (): Promise<string | undefined> =>
    /^Pid: (\d+)$/m.exec(await command('show info').catch(() => ''))?.[1];

  return {
    port,
    statisticsPort,
    certificate,
    process: started,
    socketAddress: `wss://localhost:${port}`,
    trust: { ca: certificate.certificate, servername: 'localhost' },
    command,
    get: (path, options = {}) => httpsGet(port, certificate, path, options),
    http2: (options = {}) => openHttp2(port, certificate, options),
    untilNode: (name, status) =>
      until(async () => (await nodeStatus(name))?.startsWith(status) === true, `${name} ${status} at HAProxy`),
    async reload() {
      const before = await workerPid();
      started.signal('SIGUSR2');
      await until(async () => {
        const now = await workerPid();
        return now !== undefined && now !== before;
      }, 'a new worker of HAProxy');
    },
  };
}

/** Only root may change to another user, and need not stay root. */
const withoutRoot = { '    user haproxy\n': '', '    group haproxy\n': '', '    chroot /var/lib/haproxy\n': '' };

function ask(socketPath: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(socketPath, () => socket.end(`${line}\n`));
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
  });
}

function httpsGet(
  port: number,
  { certificate }: Certificate,
  path: string,
  options: RequestOptions,
): Promise<HttpsAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', servername: 'localhost', port, path, ca: certificate, agent: false, ...options },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      },
    );
    asked.once('error', reject);
    asked.end();
  });
}

function openHttp2(
  port: number,
  { certificate }: Certificate,
  options: { readonly localAddress?: string },
): Promise<ClientHttp2Session> {
  const session = connectHttp2(`https://localhost:${port}`, { ca: certificate, host: '127.0.0.1', ...options });
  onTestFinished(() => session.destroy());
  return new Promise((resolve, reject) => {
    session.once('error', reject);
    // Not before: whether it takes WebSockets stands in its settings.
    session.once('remoteSettings', () => resolve(session));
  });
}

/** A WebSocket over HTTP/2: an extended CONNECT, RFC 8441. */
export async function openHttp2Socket(
  session: ClientHttp2Session,
  headers: Readonly<Record<string, string>> = {},
): Promise<RawClient> {
  const stream = session.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/', 'sec-websocket-version': '13', ...headers },
    { endStream: false },
  );
  // A stream does all that this client asks of a socket; there are no HTTP/1.1 lines before the first frame.
  const client = new RawClient(stream as unknown as Socket);
  const status = await new Promise((resolve, reject) => {
    stream.once('response', (answer) => resolve(answer[':status']));
    stream.once('error', reject);
  });
  client.head = `HTTP/2 ${status}`;
  return client;
}
