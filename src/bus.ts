/** The interface to a broker. RabbitMQ (`amqp/`) and the embedded one (`embedded-bus/`) stand behind it. */
import type { Pattern } from './families/family.ts';

/** A message of the bus, as it was taken from this node's queue. */
export interface Delivery {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly contentEncoding: string | undefined;
  /** Its properties could not be decoded, so that nobody knows what its body is. */
  readonly isUndecodable?: boolean;
  /** Where it stands in the history, where there is one. */
  readonly position?: number;
  /** Set where it is read late: after a start or a lost connection. */
  readonly lateness?: Lateness;
}

/**
 * How late a delivery is: `old`, from before this node took events, of use to who asks for the past alone; `missed`, while
 * the connection was lost and a good while ago; `late`, while it was lost and just now.
 */
export type Lateness = 'old' | 'missed' | 'late';

/** What a bus tells its user. */
export interface BusListener {
  /** An event. Handed over in the order of the queue. */
  onDelivery(delivery: Delivery): void;
  /** The broker is there, with a queue that holds no binding yet. Told again after each recovery. */
  onUp(): void;
  /** @param reason in words, for logs and for /readyz */
  onDown(reason: string): void;
  /** The broker dropped messages of this node's queue, since the node didn't keep up. */
  onOverflow(messages: number): void;
}

/** An exchange that others declare is not there now: nothing was bound, and nothing is wrong. */
export class ExchangeAbsent extends Error {
  override readonly name = 'ExchangeAbsent';
}

/** A bus of events. */
export interface Bus {
  readonly isUp: boolean;
  /** It is up, and has not answered for some seconds: a line that stalls, or a broker that does. */
  readonly isSilent?: boolean;
  /** The times, since it was there first, that it was away or silent. */
  readonly outages?: { readonly count: number; readonly seconds: number };
  /** Connects, and goes on trying for as long as it takes. */
  start(listener: BusListener): void;
  /**
   * Resolves once the broker has confirmed. Binding twice does no harm; the broker doesn't count.
   * @throws ExchangeAbsent where the pattern's exchange is others' to declare and not there
   */
  bind(pattern: Pattern): Promise<void>;
  unbind(pattern: Pattern): Promise<void>;
  /** This delivery and all before it were handed to the sockets: the broker may forget them. */
  settle(delivery: Delivery): void;
  stop(): Promise<void>;
}

/** An exchange as the neighbours of the bus know it. All are not durable. */
export interface ExchangeSpec {
  readonly name: string;
  readonly type: 'topic' | 'fanout' | 'direct';
}

export interface PublishOptions {
  /** Whether it shall be told when no queue takes the message. */
  readonly mandatory?: boolean;
}

/** A way to publish. An exchange that isn't there, or may not be written to, costs nobody else anything. */
export interface Publisher {
  /**
   * Resolves when the broker has the message. `unroutable`, which only a mandatory one can be: no queue took it.
   * @param payload becomes JSON
   * @throws Error when there is no such exchange, the broker is away, takes no messages now, doesn't confirm within
   *   seconds, or too much waits for it already: such a message was not kept
   */
  publish(exchange: string, routingKey: string, payload: object, options?: PublishOptions): Promise<Published>;
}

export type Published = 'published' | 'unroutable';

/** The nodes' own conversation: a queue of this node beside that of the events, and a way to publish. */
export interface ControlChannel extends Publisher {
  readonly isUp: boolean;
  /** The name of the queue: others answer to it (`Server-ID`). Changes with each recovery. */
  readonly address: string | undefined;
  start(listener: { onMessage(message: Delivery): void; onUp(): void }): void;
  /** Makes the queue and its bindings again, on another connection. */
  renew(): void;
  stop(): Promise<void>;
}

/** A question to others on the bus. */
export interface Question<Answer> {
  readonly exchange: string;
  readonly routingKey: string;
  /** `Event-Category`, `Event-Name` and whatever is asked; who asks and where to answer is added. */
  readonly fields: object;
  /** Makes an answer of a message to this question. @throws ZodError where it is none; it counts for nothing then */
  read(message: unknown): Answer;
}

export interface Patience<Answer> {
  /** Whether these are all that is to be waited for. Asked once before the question is sent, and after each answer. */
  enough(answers: readonly Answer[]): boolean;
  /** How long the others have at most, ms. */
  readonly ms: number;
}

/** What was answered. */
export interface Answers<Answer> {
  /** In the order in which they came. */
  readonly answers: readonly Answer[];
  /** There were not enough in time, or nobody could be asked. */
  readonly partial: boolean;
}

/** A way to ask others on the bus: answers come to this node's own queue. */
export interface Asker {
  /** Never rejects: who can't be asked has not answered. */
  ask<Answer>(question: Question<Answer>, patience: Patience<Answer>): Promise<Answers<Answer>>;
}

/** What the queue of the conversation is bound to; a key of undefined stands for the queue's own name. */
export interface ControlBinding {
  readonly exchange: ExchangeSpec;
  readonly routingKey: string | undefined;
}
