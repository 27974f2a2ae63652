/** Sample events, with exchange and routing key. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Sample events with exchange and routing key, as `index.json` lists them. */
const fixtureFolder = new URL('../fixtures/', import.meta.url);

const fixtureIndex = z
  .object({
    account_id: z.string(),
    realm: z.string(),
    events: z.array(z.object({ file: z.string(), exchange: z.string(), routing_key: z.string() })),
  })
  .parse(JSON.parse(readFileSync(new URL('index.json', fixtureFolder), 'utf8')));

/** The account of most fixtures, and its realm. */
export const fixtureAccount = fixtureIndex.account_id;
export const fixtureRealm = fixtureIndex.realm;
/** The account of the call fixtures. */
export const callAccount = 'account0000000000000000000000002';

export interface Fixture {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly payload: Record<string, unknown>;
}

export function fixture(file: string): Fixture {
  const entry = fixtureIndex.events.find((event) => event.file === file);
  if (entry === undefined) throw new Error(`no fixture ${file}`);
  const body = readFileSync(new URL(file, fixtureFolder));
  return { exchange: entry.exchange, routingKey: entry.routing_key, body, payload: JSON.parse(body.toString()) };
}

export const fixtureFiles = fixtureIndex.events.map(({ file }) => file);
