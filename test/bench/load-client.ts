/** The load client: a process of its own that holds many connections, counts what they receive, and says when. */
import { randomBytes } from 'node:crypto';
import { createConnection, type Socket } from 'node:net';
import type { LoadCommand, LoadReport } from './load.ts';
import { type ConnectionSpec, protocols, type Step } from './protocols.ts';
import { clientFrame, pongFrame, Receiver } from './receiver.ts';

/** One buffer for all sockets: what is read is looked at at once and not kept. */
const readBuffer = Buffer.allocUnsafe(262_144);
/** The publisher writes its clock between these into the first member of the payload. */
const clockMark = '~~';
const clockHeadBytes = 900;

let received = 0;
let receivedBytes = 0;
let expected = Number.POSITIVE_INFINITY;
let measuresLatency = false;
let latencies: Float64Array = new Float64Array(0);
let cpuAtStart = process.cpuUsage();
const sockets = new Set<Socket>();
let closedEarly = 0;

function tell(report: LoadReport): void {
  process.send?.(report);
}

const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

function onEvent(head: Buffer | undefined): void {
  if (measuresLatency && head !== undefined) latencies[received] = monotonicMs() - publishedAt(head);
  received += 1;
  if (received === expected) finish();
}

function publishedAt(head: Buffer): number {
  const from = head.indexOf(clockMark) + clockMark.length;
  return Number(head.toString('latin1', from, head.indexOf(clockMark, from)));
}

function finish(): void {
  const { user, system } = process.cpuUsage(cpuAtStart);
  const sorted = measuresLatency ? latencies.subarray(0, received).sort() : undefined;
  const quantile = (share: number): number =>
    sorted?.[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  tell({
    type: 'done',
    atMs: monotonicMs(),
    received,
    receivedBytes,
    cpuMs: (user + system) / 1000,
    closedEarly,
    ...(sorted !== undefined && { latency: { p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) } }),
  });
  expected = Number.POSITIVE_INFINITY;
}

/** Resolves when the connection is subscribed. */
function connect(spec: ConnectionSpec): Promise<void> {
  const protocol = protocols[spec.protocol];
  return new Promise((resolve, reject) => {
    let handshake = protocol.path === undefined ? undefined : '';
    const act = (step: Step): void => {
      if (step === 'ready') resolve();
      else if (step !== undefined) socket.write(clientFrame(step.send));
    };
    const receiver = new Receiver(
      { onSmall: (text) => act(protocol.onSmall(text)), onEvent, onPing: () => socket.write(pongFrame) },
      () => (measuresLatency ? clockHeadBytes : 0),
    );
    const socket = createConnection({
      host: '127.0.0.1',
      port: spec.port,
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback(length, buffer) {
          receivedBytes += length;
          if (handshake === undefined) receiver.read(buffer as Buffer, length);
          else readHandshake((buffer as Buffer).subarray(0, length));
          return true;
        },
      },
    });
    const readHandshake = (chunk: Buffer): void => {
      handshake += chunk.toString('latin1');
      const end = (handshake as string).indexOf('\r\n\r\n');
      if (end < 0) return;
      if (!handshake?.startsWith('HTTP/1.1 101')) {
        reject(new Error(`no upgrade: ${handshake?.split('\r\n')[0]}`));
        return;
      }
      const rest = Buffer.from((handshake as string).slice(end + 4), 'latin1');
      handshake = undefined;
      act(protocol.onOpen(spec));
      if (rest.length > 0) receiver.read(rest, rest.length);
    };
    sockets.add(socket);
    socket.on('error', reject);
    socket.on('close', () => {
      if (sockets.delete(socket)) closedEarly += 1;
      reject(new Error('closed before it was subscribed'));
    });
    socket.on('connect', () => {
      if (protocol.path === undefined) resolve();
      else socket.write(upgradeRequest(protocol.path(spec), protocol.headers?.(spec) ?? []));
    });
  });
}

function upgradeRequest(path: string, headers: readonly string[]): string {
  return [
    `GET ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ...headers,
    '',
    '',
  ].join('\r\n');
}

async function connectAll(specs: readonly ConnectionSpec[], parallel: number): Promise<void> {
  const startedAt = monotonicMs();
  let failed = 0;
  let next = 0;
  let firstError = '';
  const worker = async (): Promise<void> => {
    for (let spec = specs[next++]; spec !== undefined; spec = specs[next++]) {
      await connect(spec).catch((error: Error) => {
        failed += 1;
        firstError ||= error.message;
      });
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  tell({ type: 'connected', count: specs.length - failed, failed, firstError, ms: monotonicMs() - startedAt });
}

function expect(frames: number, withLatency: boolean): void {
  received = 0;
  receivedBytes = 0;
  closedEarly = 0;
  expected = frames;
  measuresLatency = withLatency;
  if (withLatency) latencies = new Float64Array(frames);
  cpuAtStart = process.cpuUsage();
  tell({ type: 'armed' });
}

function closeAll(): void {
  const all = [...sockets];
  sockets.clear();
  for (const socket of all) socket.destroy();
  setImmediate(() => tell({ type: 'closed' }));
}

process.on('message', (command: LoadCommand) => {
  if (command.type === 'connect') void connectAll(command.specs, command.parallel);
  else if (command.type === 'expect') expect(command.frames, command.withLatency);
  else if (command.type === 'report') finish();
  else closeAll();
});
