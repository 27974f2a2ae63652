/** What users ask: it waits for the connection, and ends in any case. */
import { codeOf, type HorizonError, isOfToken } from './horizon-error.ts';
import type { Message } from './message.ts';
import { answerMs, type Requests, timedOut } from './requests.ts';

interface Question {
  readonly message: Message;
  /** Whether it may be asked again where nobody knows if it has arrived. */
  readonly isRepeatable: boolean;
  readonly resolve: (data: Message) => void;
  readonly reject: (error: HorizonError) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class Questions {
  /** Not answered yet. */
  readonly #open = new Set<Question>();
  /** Those of them that are to be sent. */
  readonly #waiting = new Set<Question>();
  #isReleased = false;
  /** Why nothing is asked any more. */
  #end: HorizonError | undefined;
  readonly #requests: Requests;
  readonly #onTokenEnded: (error: HorizonError) => void;

  /** @param onTokenEnded told when an answer wants another token; what it was given to is asked again with that */
  constructor(requests: Requests, onTokenEnded: (error: HorizonError) => void) {
    this.#requests = requests;
    this.#onTokenEnded = onTokenEnded;
  }

  /** @returns the reply's `data`; rejects with a HorizonError, after 10 s at the latest */
  ask(message: Message, isRepeatable = false): Promise<Message> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#close(question, timedOut()), answerMs);
      const question: Question = { message, isRepeatable, resolve, reject, timer };
      this.#open.add(question);
      this.#waiting.add(question);
      this.#sendAll();
    });
  }

  /** The server takes our token, and has been asked for the subscriptions. */
  release(): void {
    this.#isReleased = true;
    this.#sendAll();
  }

  /** There is no connection, or no token, for now. */
  hold(): void {
    this.#isReleased = false;
  }

  /** Nothing is going to be answered. @param error undefined: something may be again */
  end(error: HorizonError | undefined): void {
    this.#end = error;
    if (error === undefined) return;
    for (const question of [...this.#open]) this.#close(question, error);
  }

  #sendAll(): void {
    if (!this.#isReleased) return;
    for (const question of this.#waiting) {
      this.#waiting.delete(question);
      this.#requests.ask(question.message).then(
        (data) => {
          this.#close(question);
          question.resolve(data);
        },
        (error: HorizonError) => this.#onFailure(question, error),
      );
    }
  }

  #onFailure(question: Question, error: HorizonError): void {
    if (!this.#open.has(question)) return;
    const isLost = codeOf(error) === 'connection_lost';
    if (!isOfToken(error) && !(isLost && question.isRepeatable)) {
      this.#close(question, error);
      return;
    }
    this.#waiting.add(question);
    if (!isLost) this.#onTokenEnded(error);
    this.#sendAll();
  }

  #close(question: Question, error?: HorizonError): void {
    clearTimeout(question.timer);
    this.#open.delete(question);
    this.#waiting.delete(question);
    if (error !== undefined) question.reject(error);
  }
}
