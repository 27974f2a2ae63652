/** The simulated PBX on a test's broker: what it publishes, and media nodes that answer for it. */
import { onTestFinished } from 'vitest';
import { mediaExchanges, mediaPatterns, startMediaNodes } from '../../src/simulator/media-nodes.ts';
import { type Pbx, type PbxMessage, pbxExchanges, startPbx } from '../../src/simulator/pbx.ts';
import type { PbxAccount } from '../../src/simulator/stage.ts';
import type { Broker } from './broker.ts';

export interface PlayedPbx {
  readonly pbx: Pbx;
  /** Calls that have been parked since somebody last cleared it: after a gap nobody can know their slots. */
  readonly parked: Set<string>;
}

/** Plays until the test ends. */
export async function playPbx(broker: Broker, accounts: readonly PbxAccount[], speed = 3): Promise<PlayedPbx> {
  const channel = await broker.channel();
  for (const name of pbxExchanges) await channel.assertExchange(name, 'topic', { durable: false });
  for (const { name, type } of mediaExchanges) await channel.assertExchange(name, type, { durable: false });
  const { queue } = await channel.assertQueue('', { exclusive: true });
  for (const { exchange, routingPattern } of mediaPatterns) await channel.bindQueue(queue, exchange, routingPattern);
  const parked = new Set<string>();
  const publish = ({ exchange, routingKey, payload }: PbxMessage): void => {
    if (payload['Event-Name'] === 'PARK_PARKED') parked.add(String(payload['Call-ID']));
    channel.publish(exchange, routingKey, Buffer.from(JSON.stringify(payload)), { contentType: 'application/json' });
  };
  const pbx = startPbx({ accounts, seed: 7, speed, publish });
  const nodes = startMediaNodes(pbx, publish);
  onTestFinished(() => {
    nodes.stop();
    pbx.stop();
  });
  await channel.consume(queue, (message) => message && nodes.hear(JSON.parse(message.content.toString())), {
    noAck: true,
  });
  return { pbx, parked };
}
