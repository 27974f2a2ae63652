/** Somebody else on the bus of the nodes: a Kazoo Crossbar that asks, a Blackhole that answers, or one that only lives. */
import { randomUUID } from 'node:crypto';
import type { Broker } from './broker.ts';
import { showWhenWaitFails, until } from './until.ts';

export type NodeMessage = Readonly<Record<string, unknown>>;

/** Sockets as Blackhole tells of them. */
export interface FakeSocket {
  readonly websocket_session_id: string;
  readonly bindings?: readonly string[];
  readonly [field: string]: unknown;
}

export class FakeNode {
  /** Everything that came to its queue, with the key it came by. */
  readonly received: { readonly exchange: string; readonly routingKey: string; readonly message: NodeMessage }[] = [];

  constructor(
    private readonly broker: Broker,
    readonly name: string,
    /** Its queue: others answer to it. */
    readonly address: string,
  ) {}

  get headers(): NodeMessage {
    return { 'App-Name': 'blackhole', 'App-Version': '4.3', Node: this.name, 'Msg-ID': randomUUID() };
  }

  /** Says that it lives. @param expires ms; 0: it stops */
  async advertise(expires = 60_000, fields: NodeMessage = {}): Promise<void> {
    await this.broker.publish('nodes', '', {
      ...this.headers,
      'Event-Category': 'nodes',
      'Event-Name': 'advertise',
      Expires: expires,
      'Used-Memory': 1,
      Version: '4.3',
      WhApps: { blackhole: { Startup: 63_613_456_789 } },
      ...fields,
    });
  }

  /** Asks all nodes. @returns the question's id */
  async ask(routingKey: string, question: NodeMessage): Promise<string> {
    const id = randomUUID();
    await this.broker.publish('sysconf', routingKey, {
      ...this.headers,
      'Event-Category': 'websockets',
      'Msg-ID': id,
      'Server-ID': this.address,
      ...question,
    });
    return id;
  }

  async answer(question: NodeMessage, answer: NodeMessage): Promise<void> {
    await this.broker.publish('targeted', String(question['Server-ID']), {
      ...this.headers,
      'Event-Category': 'websockets',
      'Msg-ID': question['Msg-ID'],
      ...answer,
    });
  }

  messagesNamed(name: string): NodeMessage[] {
    return this.received.map(({ message }) => message).filter((message) => message['Event-Name'] === name);
  }

  /** The answers to a question, once so many came. */
  async untilAnswers(id: string, count: number): Promise<NodeMessage[]> {
    const answers = (): NodeMessage[] =>
      this.received
        .filter(({ routingKey, message }) => routingKey === this.address && message['Msg-ID'] === id)
        .map(({ message }) => message);
    await until(() => answers().length >= count, `${count} answers to ${this.name}'s question`);
    return answers();
  }
}

/** @param onQuestion answers what other nodes ask */
export async function startFakeNode(
  broker: Broker,
  name = 'kazoo_apps@kazoo1.example.com',
  onQuestion?: (node: FakeNode, question: NodeMessage) => void | Promise<void>,
): Promise<FakeNode> {
  const channel = await broker.channel();
  const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true });
  for (const [exchange, type, key] of [
    ['nodes', 'fanout', ''],
    ['sysconf', 'topic', 'websockets.*'],
    ['targeted', 'direct', queue],
  ] as const) {
    await channel.assertExchange(exchange, type, { durable: false });
    await channel.bindQueue(queue, exchange, key);
  }
  const node = new FakeNode(broker, name, queue);
  showWhenWaitFails(
    () => `${name}: ${node.received.length} messages came, the last: ${JSON.stringify(node.received.at(-1))}`,
  );
  await channel.consume(
    queue,
    (message) => {
      if (message === null) return;
      const { exchange, routingKey } = message.fields;
      const content = parse(message.content);
      if (content === undefined) return;
      node.received.push({ exchange, routingKey, message: content });
      if (exchange === 'sysconf' && content.Node !== name) void onQuestion?.(node, content);
    },
    { noAck: true },
  );
  return node;
}

/** What tests publish that is no message comes to their own nodes as well. */
function parse(content: Buffer): NodeMessage | undefined {
  try {
    const parsed: unknown = JSON.parse(content.toString());
    return typeof parsed === 'object' && parsed !== null ? (parsed as NodeMessage) : undefined;
  } catch {
    return undefined;
  }
}
