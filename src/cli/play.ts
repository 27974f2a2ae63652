/** `simulate`: the demo's simulated PBX, played onto a real broker. */
import { randomInt } from 'node:crypto';
import type { Channel, ConsumeMessage } from 'amqplib';
import { TopologyChannel } from '../amqp/topology-channel.ts';
import { demoAccounts } from '../demo/demo.ts';
import { ConfigError } from '../errors.ts';
import { mediaExchanges, mediaPatterns, startMediaNodes } from '../simulator/media-nodes.ts';
import { type PbxAccount, type PbxMessage, pbxExchanges, startPbx } from '../simulator/pbx.ts';
import { brokerUrls, connectBroker, disconnect } from './broker.ts';

interface SimulateOptions {
  /** `ID=REALM` each; the demo's accounts without them. */
  readonly account?: readonly string[] | undefined;
  readonly seed?: string | undefined;
  readonly speed?: string | undefined;
}

function accountsOf(texts: readonly string[]): readonly PbxAccount[] {
  return texts.map((text) => {
    const [id, realm] = text.split('=');
    if (!id || !realm) throw new ConfigError([`--account: ${text} is not of the form ID=REALM`]);
    return { id, realm, name: realm };
  });
}

function numberOf(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new ConfigError([`--${name}: ${text} is no number above 0`]);
  return value;
}

/** Plays until a signal ends it. @throws ConfigError where an option or AMQP_URL can't be used */
export async function simulate(values: SimulateOptions): Promise<void> {
  const urls = brokerUrls(process.env, 'to play onto');
  const accounts = values.account === undefined ? demoAccounts : accountsOf(values.account);
  const seed = numberOf('seed', values.seed, randomInt(1, 2 ** 31));
  const speed = numberOf('speed', values.speed, 1);
  await play(urls, accounts, seed, speed);
}

async function play(
  urls: readonly string[],
  accounts: readonly PbxAccount[],
  seed: number,
  speed: number,
): Promise<void> {
  const broker = await connectBroker(urls);
  const connection = broker.model;
  const channel: Channel = await connection.createChannel();
  const topology = new TopologyChannel(connection);
  // Used as they are where they exist.
  for (const name of pbxExchanges) await topology.ensureExchange({ name, type: 'topic' });
  for (const exchange of mediaExchanges) await topology.ensureExchange(exchange);

  const ended = new Promise<void>((resolve, reject) => {
    // Not `once`: a terminal and npm may both pass on one Ctrl-C, and the second would cut the goodbye short.
    process.on('SIGINT', resolve);
    process.on('SIGTERM', resolve);
    connection.on('error', reject);
    connection.on('close', () => reject(new Error('the broker closed the connection')));
  });
  // It may fail while what is below is still under way.
  ended.catch(() => undefined);
  process.stdout.write(`Playing onto ${broker.shown} with seed ${seed}. Ctrl-C ends it.\n`);
  let sent = 0;
  function send({ exchange, routingKey, payload }: PbxMessage): void {
    channel.publish(exchange, routingKey, Buffer.from(JSON.stringify(payload)), { contentType: 'application/json' });
  }
  const pbx = startPbx({
    accounts,
    seed,
    speed,
    publish(message) {
      send(message);
      sent += 1;
    },
  });
  const mediaNodes = startMediaNodes(pbx, send);
  const report = setInterval(() => process.stdout.write(`${sent} events\n`), 5000);
  try {
    await Promise.race([ended, listen(channel, (payload) => mediaNodes.hear(payload))]);
    await ended;
  } finally {
    clearInterval(report);
    mediaNodes.stop();
    pbx.stop();
  }
  await disconnect(broker);
  process.stdout.write(`${sent} events in all\n`);
}

/** Hears what media nodes are asked, until the connection ends. */
async function listen(channel: Channel, hear: (payload: unknown) => void): Promise<void> {
  const { queue } = await channel.assertQueue('', { exclusive: true });
  for (const { exchange, routingPattern } of mediaPatterns) await channel.bindQueue(queue, exchange, routingPattern);
  const onMessage = (message: ConsumeMessage | null): void => {
    const payload = message === null ? undefined : parseJson(message.content);
    if (payload !== undefined) hear(payload);
  };
  await channel.consume(queue, onMessage, { noAck: true });
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    // Others publish to these exchanges as well, whatever they like.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
