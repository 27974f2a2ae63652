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

/** A bus of events. */
export interface Bus {
  readonly isUp: boolean;
  /** Connects, and goes on trying for as long as it takes. */
  start(listener: BusListener): void;
  /** Resolves once the broker has confirmed. Binding twice does no harm; the broker doesn't count. */
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

/** The nodes' own conversation: a queue of this node beside that of the events, and a way to publish. */
export interface ControlChannel {
  readonly isUp: boolean;
  /** The name of the queue: others answer to it (`Server-ID`). Changes with each recovery. */
  readonly address: string | undefined;
  start(listener: { onMessage(message: Delivery): void; onUp(): void }): void;
  /** @throws Error when the broker can't be reached or doesn't take messages now */
  publish(exchange: ExchangeSpec, routingKey: string, payload: object): void;
  stop(): Promise<void>;
}

/** What the queue of the conversation is bound to; a key of undefined stands for the queue's own name. */
export interface ControlBinding {
  readonly exchange: ExchangeSpec;
  readonly routingKey: string | undefined;
}
