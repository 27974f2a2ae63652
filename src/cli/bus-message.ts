/** A message of the bus as it is shown: whatever anybody may have published. Pure. */
import { gunzipSync } from 'node:zlib';
import type { ConsumeMessage } from 'amqplib';
import { printable, printableJson, timeOf } from './terminal.ts';

/** What is unpacked at most. Bytes */
const mostBytes = 67_108_864;

/** @returns the JSON of a body; its text where it is none */
export function bodyOf({ content, properties }: Pick<ConsumeMessage, 'content' | 'properties'>): unknown {
  const text = unpacked(content, properties.contentEncoding).toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

function unpacked(content: Buffer, encoding: unknown): Buffer {
  if (encoding !== 'gzip') return content;
  try {
    return gunzipSync(content, { maxOutputLength: mostBytes });
  } catch {
    // It is not what it says it is; it is shown as it came.
    return content;
  }
}

/** @param at when it came */
export function busLine(message: ConsumeMessage, at: Date): string {
  const body = bodyOf(message);
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return `${timeOf(at)}  ${printable(message.fields.routingKey || '(no key)')}  ${printable(text)}`;
}

export function busJson(message: ConsumeMessage): string {
  const { exchange, routingKey } = message.fields;
  const { headers, contentType } = message.properties;
  const line = JSON.stringify({
    exchange,
    routing_key: routingKey,
    ...(typeof contentType === 'string' && { content_type: contentType }),
    ...(headers !== undefined && Object.keys(headers).length > 0 && { headers }),
    body: bodyOf(message),
  });
  return printableJson(line);
}
