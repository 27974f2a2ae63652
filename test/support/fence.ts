/** The proof that nothing more is on its way: an event that must arrive, published behind those that must not. */
import { randomUUID } from 'node:crypto';
import { type Bridge, type TestBus, tokenFor } from './bridge.ts';
import { type Client, type Message, openClient } from './client.ts';
import { until } from './until.ts';

const witnesses = new WeakMap<Bridge<TestBus>, Promise<Client>>();

/** An account that no test speaks of. */
const witnessAccount = 'witness';
const exchange = 'notifications';
const fenceName = 'fence-passed';
/** One that may be subscribed to. */
const routingKey = 'notifications.system.alert';

/**
 * Resolves when everything that was published before has gone through the bridge, and all that it owes these clients has
 * reached them. A witness of its own waits for the fence's event (events of one node come in order); the clients' pings
 * are answered after what was sent to them.
 */
export async function allDelivered(bridge: Bridge<TestBus>, ...clients: readonly Client[]): Promise<void> {
  let witness = witnesses.get(bridge);
  if (witness === undefined) {
    witness = openWitness(bridge);
    witnesses.set(bridge, witness);
  }
  const { messages } = await witness;
  const id = randomUUID();
  const body = { 'Event-Name': fenceName, 'Account-ID': witnessAccount, 'Fence-ID': id };
  await bridge.broker.publish(exchange, routingKey, body);
  await until(
    () => messages.some(({ args }) => (args as typeof body | undefined)?.['Fence-ID'] === id),
    'the event of the fence, behind all that was published before',
  );
  await Promise.all(clients.map((client) => client.ping()));
}

async function openWitness(bridge: Bridge<TestBus>): Promise<Client> {
  const client = await openClient(bridge, { token: await tokenFor(witnessAccount), path: '/?dialect=classic' });
  await client.subscribe(routingKey);
  return client;
}

/** A client's events less the fences', which those see who watch every account's notifications. */
export function withoutFences({ events }: Client): Message[] {
  return events.filter(({ name }) => name !== fenceName);
}
