/** Questions on one connection, and their answers. */
import { HorizonError } from './horizon-error.ts';
import { isRecord, type Message, textOf } from './message.ts';

/** An answer takes so long at most: a broker that is away costs the server five seconds. ms */
export const answerMs = 10_000;

interface Pending {
  readonly onAnswer: (data: Message) => void;
  readonly resolve: (data: Message) => void;
  readonly reject: (error: HorizonError) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

export function timedOut(): HorizonError {
  return new HorizonError('timeout', 'no answer in 10 s');
}

export class Requests {
  readonly #pending = new Map<string, Pending>();
  #made = 0;
  readonly #send: (message: Message) => void;

  /** @param send hands a message to the connection */
  constructor(send: (message: Message) => void) {
    this.#send = send;
  }

  /** A `request_id` that was not used before. */
  makeId(): string {
    this.#made += 1;
    return `h${this.#made}`;
  }

  /**
   * @param onAnswer told of the reply's `data` before anything else is heard: a browser hands over each message in a turn of
   *   its own, but `ws` several in one, and the events behind a reply would come before whoever waits for the promise
   * @returns the reply's `data`; rejects with a HorizonError, after 10 s at the latest
   */
  ask(message: Message, id = this.makeId(), onAnswer: (data: Message) => void = () => undefined): Promise<Message> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.fail(id, timedOut()), answerMs);
      this.#pending.set(id, { onAnswer, resolve, reject, timer });
      this.#send({ ...message, request_id: id });
    });
  }

  /** @returns an error that nobody asked for */
  take(reply: Message): HorizonError | undefined {
    const asked = this.#end(String(reply.request_id));
    const data = isRecord(reply.data) ? reply.data : {};
    if (reply.status === 'success') {
      asked?.onAnswer(data);
      asked?.resolve(data);
      return undefined;
    }
    const [text]: readonly unknown[] = Array.isArray(data.errors) ? data.errors : [];
    const error = new HorizonError(String(data.code), textOf(text) ?? 'refused');
    if (asked === undefined) return error;
    asked.reject(error);
    return undefined;
  }

  /** Something is not going to be answered. */
  fail(id: string, error: HorizonError): void {
    this.#end(id)?.reject(error);
  }

  #end(id: string): Pending | undefined {
    const asked = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(asked?.timer);
    return asked;
  }

  /** The connection is gone, and with it what was asked. */
  lose(): void {
    for (const id of [...this.#pending.keys()]) {
      this.fail(id, new HorizonError('connection_lost', 'connection lost'));
    }
  }
}
