/** Attackers by HTTP: requests to every route of the server's own `/openapi.json`, and to what is near them. */
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import type { Random } from '../../src/simulator/random.ts';
import type { Findings } from './findings.ts';
import { anyBytes, mutateBytes } from './mutate.ts';
import { canaries, parent, tenants, type World } from './world.ts';

export interface RestTarget {
  readonly port: number;
  readonly world: World;
  /** As they stand in the document: `/v2/accounts/{account}/websockets`. */
  readonly paths: readonly string[];
  readonly findings: Findings;
  readonly isOver: () => boolean;
}

const envelopeSchema = z.object({ data: z.unknown(), status: z.enum(['success', 'error']), request_id: z.string() });
const answerMs = 5000;

export async function attackRest(target: RestTarget, random: Random): Promise<void> {
  while (!target.isOver()) {
    if (random.chance(0.1)) await sendGarbage(target, random);
    else await ask(target, random);
    await pause(random.between(0, 30));
  }
}

async function ask(target: RestTarget, random: Random): Promise<void> {
  const { findings, world } = target;
  const { tokens } = world;
  const isAdmin = random.chance(0.03);
  const token = isAdmin
    ? tokens.admin
    : random.pick([...tokens.good, tokens.narrow, tokens.expired, tokens.unknown, ...tokens.bad]);
  const path = pathOf(target, random);
  const method = random.pick(['GET', 'GET', 'GET', 'DELETE', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'TRACE']);
  const body = method === 'POST' || method === 'PUT' ? anyBytes(random, random.pick([0, 10, 1000, 20_000])) : undefined;
  const headers = {
    'x-auth-token': token.replace(/[^\x21-\x7e]/g, ''),
    'x-forwarded-for': `198.51.100.${random.between(1, 250)}`,
    'x-request-id': random.pick(['r', 'x'.repeat(200), '"<script>', random.hex(32)]),
    'content-type': random.pick(['application/json', 'text/plain', 'nonsense']),
  };
  findings.sent.requests += 1;
  findings.note(`${method} ${path}`);
  const answer = await answerTo({ port: target.port, method, path, headers }, body);
  if (answer === undefined) {
    findings.fault(`${method} ${path} was not answered within ${answerMs} ms`);
    return;
  }
  findings.countStatus(answer.status);
  findings.checkText(answer.text, `${method} ${path}`, isAdmin);
  if (answer.status >= 500 && answer.status !== 503)
    findings.fault(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 300)}`);
  if (answer.status === 400 && /^<|^$/.test(answer.text)) return;
  const isEnvelope = path.startsWith('/v2/') && method !== 'HEAD' && method !== 'OPTIONS' && answer.status !== 204;
  if (isEnvelope && !envelopeSchema.safeParse(parsed(answer.text)).success) {
    findings.fault(`${method} ${path}: ${answer.status}, no envelope: ${answer.text.slice(0, 300)}`);
  }
}

function pathOf({ paths }: RestTarget, random: Random): string {
  const values = [
    parent,
    ...tenants,
    ...canaries.map(({ account }) => account),
    '*',
    '..',
    '%00',
    '%',
    random.hex(36),
    'x'.repeat(300),
  ];
  const path = random.pick(paths).replace(/\{\w+\}/g, () => random.pick(values));
  const query = random.pick([
    '',
    '',
    '?dialect=kazoo4',
    '?dialect=x',
    '?limit=0',
    '?limit=1&start_key=x',
    '?limit=99999999999',
    '?%ff=%',
    `?start_key=${'x'.repeat(300)}`,
  ]);
  const asked = `${path}${query}`;
  return random.chance(0.9)
    ? asked
    : asked.replace(/[a-z]/, () => random.pick(['%2e', '//', '%', '.', 'A', '%F0%9F%98%80']));
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** @returns undefined when none came in time */
function answerTo(
  options: { port: number; method: string; path: string; headers: Record<string, string> },
  body: Buffer | undefined,
): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', ...options, agent: false, timeout: answerMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => resolve(undefined));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      );
    });
    asked.on('timeout', () => {
      resolve(undefined);
      asked.destroy();
    });
    // Cut off: what was wrong with it was wrong in HTTP itself.
    asked.on('error', () => resolve({ status: 400, headers: {}, text: '' }));
    asked.end(body);
  });
}

/** Something that is not quite HTTP. */
function sendGarbage({ port, findings }: RestTarget, random: Random): Promise<void> {
  const sound = `GET /v2/websockets HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
  findings.sent.requests += 1;
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(mutateBytes(Buffer.from(sound), random)));
    socket.on('data', () => undefined);
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
    setTimeout(() => socket.destroy(), 50);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
