/** Careless publishers: events of tenants with bodies, keys, properties and headers right and wrong. */
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import amqp, { type Channel, type ChannelModel } from 'amqplib';
import { withDeadline } from '../../src/deadline.ts';
import type { Random } from '../../src/simulator/random.ts';
import {
  type BusMessage,
  callEvent,
  conferenceEvent,
  databaseOf,
  documentEvent,
  faxStatus,
  notification,
  presenceDialog,
  registration,
} from '../support/events.ts';
import {
  headerProperties,
  nestedArrays,
  nestedTables,
  publishRaw,
  type RawMessage,
  tableEntry,
  typeL,
} from '../support/raw-publish.ts';
import type { Findings } from './findings.ts';
import { anyBytes, type Json, mutateBytes, mutateJson } from './mutate.ts';
import { accounts, canaries, tenants } from './world.ts';

export interface BusTarget {
  readonly url: string;
  readonly findings: Findings;
  readonly isOver: () => boolean;
}

/** Exchanges and their types; the last three carry what nodes say to each other. */
export const exchanges: Readonly<Record<string, 'topic' | 'fanout' | 'direct'>> = {
  callevt: 'topic',
  conference: 'topic',
  configuration: 'topic',
  fax: 'topic',
  presence: 'topic',
  registrar: 'topic',
  notifications: 'topic',
  sysconf: 'topic',
  nodes: 'fanout',
};

export async function attackBus(target: BusTarget, random: Random): Promise<void> {
  const publisher = new Publisher(target.url);
  while (!target.isOver()) {
    target.findings.sent.events += 1;
    const message = random.chance(0.1) ? saidAmongNodes(random) : random.chance(0.1) ? lie(random) : event(random);
    target.findings.note(
      `event ${message.exchange} ${message.routingKey} ${JSON.stringify(message.body).slice(0, 150)}`,
    );
    if (message.isSound !== true && random.chance(0.05)) await publishBroken(target.url, rawMessage(message, random));
    else await publisher.publish(message, random);
    await pause(random.pick([0, 1, 5, 10]));
  }
  await publisher.close();
}

/** The broker may end the connection over it, or say nothing any more: neither is this server's affair. */
async function publishBroken(url: string, message: RawMessage): Promise<void> {
  await withDeadline(2000, publishRaw({ url }, message)).catch(() => undefined);
}

interface Attack extends BusMessage {
  /** It is published as it is: some changes would make it the canaries' by right. */
  readonly isSound?: true;
}

/** Of a tenant's account alone. */
function event(random: Random): Attack {
  const account = random.pick(tenants);
  const realm = accounts.find(({ id }) => id === account)?.realm ?? '';
  return random.pick<() => Attack>([
    () => callEvent(account, random.pick(['CHANNEL_CREATE', 'CHANNEL_DESTROY', 'DTMF']), random.hex(8)),
    () => conferenceEvent(account),
    () => documentEvent(account),
    () => faxStatus(account),
    () => notification(account),
    () => presenceDialog(realm),
    () => registration(account, realm),
  ])();
}

/** The key names a canary's account and the body another: nobody's event. */
function lie(random: Random): Attack {
  const tenant = random.pick(tenants);
  const message = random.pick([conferenceEvent, documentEvent, faxStatus])(tenant);
  const { account } = random.pick(canaries);
  const routingKey = message.routingKey.replace(tenant, account).replace(databaseOf(tenant), databaseOf(account));
  return { ...message, routingKey, isSound: true };
}

/** What nodes say to each other, and others might say in their place. */
function saidAmongNodes(random: Random): Attack {
  const id = random.hex(8);
  const common = {
    'App-Name': 'blackhole',
    'App-Version': '4',
    'Msg-ID': id,
    'Server-ID': `x-${id}`,
    Node: `x@${random.hex(2)}`,
  };
  return random.pick<Attack>([
    {
      exchange: 'nodes',
      routingKey: 'x',
      body: { ...common, 'Event-Category': 'nodes', 'Event-Name': 'advertise', Expires: 30_000 },
    },
    {
      exchange: 'sysconf',
      routingKey: 'websockets.get',
      body: { ...common, 'Event-Category': 'blackhole', 'Event-Name': 'get_req', 'Account-ID': random.pick(tenants) },
    },
    {
      exchange: 'sysconf',
      routingKey: 'websockets.close',
      body: {
        ...common,
        'Event-Category': 'blackhole',
        'Event-Name': 'close_req',
        'Account-ID': random.pick(canaries).account,
        'Socket-ID': random.hex(32),
      },
    },
  ]);
}

function bodyOf(message: Attack, random: Random): Buffer {
  let body = message.body as Json;
  if (message.isSound) return Buffer.from(JSON.stringify(body));
  if (random.chance(0.4)) for (let count = random.between(1, 3); count > 0; count -= 1) body = mutateJson(body, random);
  const bytes = Buffer.from(JSON.stringify(body));
  return random.chance(0.1) ? mutateBytes(bytes, random) : bytes;
}

/** Properties that no library would write: broken tables, unknown types, any bytes. */
function rawMessage({ exchange, routingKey, body }: BusMessage, random: Random): RawMessage {
  const properties = random.pick([
    () => headerProperties(tableEntry('x', typeL)),
    () => headerProperties(tableEntry('x', nestedArrays(random.pick([5, 100, 8000])))),
    () => headerProperties(tableEntry('x', nestedTables(random.pick([5, 100, 8000])))),
    () => headerProperties(anyBytes(random, random.between(0, 40))),
    () =>
      mutateBytes(
        headerProperties(tableEntry('x', Buffer.concat([Buffer.from('S'), Buffer.from([0, 0, 0, 1, 0x78])]))),
        random,
      ),
    () => anyBytes(random, random.between(2, 40)),
  ])();
  return { exchange, routingKey, properties, body: Buffer.from(JSON.stringify(body)) };
}

class Publisher {
  #model: ChannelModel | undefined;
  #channel: Channel | undefined;

  constructor(private readonly url: string) {}

  async publish(message: Attack, random: Random): Promise<void> {
    const channel = this.#channel ?? (await this.#open());
    const isZipped = random.chance(0.1);
    const body = bodyOf(message, random);
    channel.publish(message.exchange, message.routingKey, isZipped ? gzipSync(body) : body, {
      contentType: 'application/json',
      ...(isZipped && { contentEncoding: 'gzip' }),
      ...(random.chance(0.05) && { contentEncoding: random.pick(['gzip', 'br', 'x'.repeat(200)]) }),
      ...(random.chance(0.2) && { headers: { a: 1, b: [1, { c: null }], d: new Date(0), e: Buffer.from('x') } }),
    });
  }

  async #open(): Promise<Channel> {
    const model = await amqp.connect(this.url);
    const forget = (): void => {
      this.#channel = undefined;
    };
    model.on('error', forget);
    model.on('close', forget);
    const channel = await model.createChannel();
    channel.on('error', forget);
    this.#model = model;
    this.#channel = channel;
    return channel;
  }

  async close(): Promise<void> {
    if (this.#model !== undefined) await withDeadline(2000, this.#model.close()).catch(() => undefined);
  }
}

/** So that nobody publishes into nothing before the server is there. */
export async function declareExchanges(url: string): Promise<void> {
  const model = await amqp.connect(url);
  const channel = await model.createChannel();
  for (const [name, type] of Object.entries(exchanges)) await channel.assertExchange(name, type, { durable: false });
  await model.close();
}
