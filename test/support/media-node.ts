/** A media node on the bus: says that it lives, and answers as a test likes. */
import type { Channel } from 'amqplib';

/** As much of a broker as it takes. */
export interface MediaBroker {
  channel(): Promise<Channel>;
  publish(exchange: string, routingKey: string, body: object | Buffer): Promise<void>;
}

export type Fields = Readonly<Record<string, unknown>>;

export interface FakeMediaNode {
  /** What it was asked, in the order in which it came. */
  readonly questions: Fields[];
  advertise(expires?: number): Promise<void>;
  /** Answers a question; `body` is published as it stands where it is a buffer. */
  answer(question: Fields, body: Fields | Buffer): Promise<void>;
}

/** @param onQuestion an answer, or nothing where the test answers by itself or not at all */
export async function startMediaNode(
  broker: MediaBroker,
  name: string,
  onQuestion: (question: Fields, node: FakeMediaNode) => Fields | undefined,
): Promise<FakeMediaNode> {
  const channel = await broker.channel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.assertExchange('nodes', 'fanout', { durable: false });
  await channel.assertExchange('targeted', 'direct', { durable: false });
  for (const [exchange, key] of [
    ['callevt', 'call.status_req.#'],
    ['conference', 'conference.discovery'],
    ['registrar', 'registration.query.#'],
  ] as const) {
    await channel.assertExchange(exchange, 'topic', { durable: false });
    await channel.bindQueue(queue, exchange, key);
  }
  const node: FakeMediaNode = {
    questions: [],
    advertise: (expires = 60_000) =>
      broker.publish('nodes', '', {
        'App-Name': 'kz_nodes',
        'App-Version': '4.0.0',
        'Event-Category': 'nodes',
        'Event-Name': 'advertise',
        'Msg-ID': 'a',
        Node: name,
        Expires: expires,
        WhApps: { ecallmgr: { Startup: 1 } },
      }),
    answer(question, body) {
      const headers = { Node: name, 'App-Name': 'ecallmgr', 'App-Version': '4.0.0', 'Msg-ID': question['Msg-ID'] };
      return broker.publish(
        'targeted',
        String(question['Server-ID']),
        Buffer.isBuffer(body) ? body : { ...headers, ...body },
      );
    },
  };
  await channel.consume(
    queue,
    (message) => {
      if (message === null) return;
      const question = JSON.parse(message.content.toString()) as Fields;
      node.questions.push(question);
      const answer = onQuestion(question, node);
      if (answer !== undefined) void node.answer(question, answer);
    },
    { noAck: true },
  );
  await node.advertise();
  return node;
}
