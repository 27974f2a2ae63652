/** Exchanges and routing keys as they are typed. Pure. */
import type { ExchangeSpec } from '../bus.ts';
import { encodeWord, maxRoutingKeyBytes } from '../families/routing-key.ts';
import { Failure } from './failure.ts';

const types = ['topic', 'fanout', 'direct'] as const satisfies ExchangeSpec['type'][];

/** Kazoo's exchanges that are no topics. */
const knownTypes: Readonly<Record<string, ExchangeSpec['type']>> = {
  nodes: 'fanout',
  fax: 'fanout',
  targeted: 'direct',
  dialoginfo: 'direct',
};

/** `EXCHANGE` or `EXCHANGE:TYPE`. Names may have colons, too. */
export function readExchange(text: string): ExchangeSpec {
  const at = text.lastIndexOf(':');
  const type = types.find((one) => at > 0 && text.slice(at + 1) === one);
  const name = type === undefined ? text : text.slice(0, at);
  if (name === '') throw new Failure('badUsage', 'EXCHANGE: it has no name');
  return { name, type: type ?? (Object.hasOwn(knownTypes, name) ? knownTypes[name] : undefined) ?? 'topic' };
}

/** A routing key or pattern: `{enc:VALUE}` in it stands for the value as one word, encoded as Kazoo does. */
export function readKey(text: string): string {
  const key = text.replaceAll(/\{enc:([^}]*)\}/g, (_, value: string) => encodeWord(value));
  const bytes = Buffer.byteLength(key);
  if (bytes > maxRoutingKeyBytes) {
    throw new Failure('badUsage', `KEY: it has ${bytes} bytes; AMQP takes ${maxRoutingKeyBytes} at most`);
  }
  return key;
}
