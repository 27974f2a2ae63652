/** Messages of the nodes' conversation as a Kazoo sends them: captured, with the key they went by. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { NodeMessage } from './fake-node.ts';

const captured = z.object({ routing_key: z.string(), body: z.record(z.string(), z.unknown()) });

/** The body of a captured message, `nodes.advertise.kazoo_apps`. */
export function kazooMessage(name: string): NodeMessage {
  const file = new URL(`../fixtures/kazoo/${name}.json`, import.meta.url);
  return captured.parse(JSON.parse(readFileSync(file, 'utf8'))).body;
}
