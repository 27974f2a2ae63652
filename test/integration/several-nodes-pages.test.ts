/** Long lists of sockets, a page at a time, over several nodes. */
import { describe, expect, test } from 'vitest';
import { type Bridge, startBridge, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { openClient } from '../support/client.ts';
import { startFakeNode } from '../support/fake-node.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

const account = 'acme';
const path = `/v2/accounts/${account}/websockets`;

type Body = Readonly<Record<string, unknown>>;

async function get(bridge: Bridge, query: string): Promise<Body> {
  const { status, body } = await rest(bridge, `${path}${query}`, { token: await tokenFor(account) });
  expect(status).toBe(200);
  return body as unknown as Body;
}

async function openSockets(bridge: Bridge, count: number, bindings = ['call.*.*']): Promise<void> {
  const token = await tokenFor(account);
  const clients = await Promise.all(
    Array.from({ length: count }, () => openClient(bridge, { token, headers: { 'x-auth-token': token } })),
  );
  for (const client of clients) await client.subscribe(bindings);
}

/** Two nodes that know each other, with so many sockets each. */
async function startNodes(count: number, bindings?: string[]): Promise<Bridge[]> {
  const broker = await useBroker();
  const nodes = [await startBridge({ NODE_NAME: 'north' }, broker), await startBridge({ NODE_NAME: 'south' }, broker)];
  for (const node of nodes) await openSockets(node, count, bindings);
  for (const node of nodes) await until(async () => ((await get(node, '')).data as unknown[]).length === 2 * count);
  return nodes;
}

const idOf = (item: unknown): string => (typeof item === 'string' ? item : String((item as Body).websocket_session_id));

describe('the pages of a list', () => {
  test.each(['classic', 'kazoo4'])('%s: each socket of both nodes once, in Crossbar’s terms', async (dialect) => {
    const [north] = (await startNodes(5)) as [Bridge];
    const whole = await get(north, `?dialect=${dialect}`);
    for (const member of ['page_size', 'start_key', 'next_start_key']) expect(whole).not.toHaveProperty(member);
    const ids = (whole.data as unknown[]).map(idOf);
    expect(ids).toHaveLength(10);
    const seen: string[] = [];
    const sizes: unknown[] = [];
    let next: unknown;
    do {
      const from = next === undefined ? '' : `&start_key=${next}`;
      const page = await get(north, `?dialect=${dialect}&limit=4${from}`);
      const data = page.data as unknown[];
      expect(page.start_key).toBe(idOf(data[0]));
      seen.push(...data.map(idOf));
      sizes.push(page.page_size);
      next = page.next_start_key;
    } while (next !== undefined);
    expect(sizes).toEqual([4, 4, 2]);
    expect(seen).toEqual([...ids].sort());
  });

  test('page_size is another name of limit; what is no number of sockets is refused', async () => {
    const [north] = (await startNodes(2)) as [Bridge];
    expect((await get(north, '?page_size=3')).data).toHaveLength(3);
    expect((await get(north, '?page_size=3&limit=1')).data).toHaveLength(1);
    for (const query of ['limit=0', 'limit=-1', 'limit=many', 'limit=10001', 'start_key=', 'page_size=1.5']) {
      const { status, body } = await rest(north, `${path}?${query}`, { token: await tokenFor(account) });
      expect([query, status, body.error]).toEqual([query, 400, '400']);
    }
  });

  test('of large sockets end at a megabyte, though nobody asked for pages, and say where the next begins', async () => {
    const bindings = Array.from({ length: 250 }, (_, index) => `call.CHANNEL_CREATE.${'x'.repeat(200)}${index}`);
    const nodes = await startNodes(12, bindings);
    const seen = new Set<string>();
    let next: unknown = '';
    let pages = 0;
    while (next !== undefined) {
      const page = await get(nodes[pages % 2] as Bridge, `?dialect=kazoo4${next === '' ? '' : `&start_key=${next}`}`);
      expect(JSON.stringify(page).length).toBeLessThan(1_200_000);
      for (const item of page.data as unknown[]) seen.add(idOf(item));
      next = page.next_start_key;
      pages += 1;
    }
    expect(pages).toBe(2);
    expect(seen.size).toBe(24);
  }, 60_000);
});

test('a flood of equal lists asks the other nodes a few times, for ids alone where ids alone are shown', async () => {
  const broker = await useBroker();
  const bridge = await startBridge({}, broker);
  // A slow one: while it is asked, all the others come.
  const witness = await startFakeNode(broker, 'south', async (self, question) => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    await self.answer(question, { 'Event-Name': 'get_resp', Data: [{ websocket_session_id: 'theirs' }] });
  });
  await witness.advertise();
  await until(async () => ((await get(bridge, '?dialect=classic')).data as unknown[]).length === 1);
  const asked = (): readonly Body[] => witness.messagesNamed('get_req');
  const before = asked().length;
  const lists = await Promise.all(Array.from({ length: 60 }, () => get(bridge, '?dialect=classic')));
  for (const list of lists) expect(list.data).toEqual(['theirs']);
  expect(asked().length - before).toBeLessThan(15);
  for (const question of asked()) expect(question['Ids-Only']).toBe(true);
  await get(bridge, '?dialect=kazoo4');
  expect(asked().at(-1)).not.toHaveProperty('Ids-Only');
});
