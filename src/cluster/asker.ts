/** Questions to others on the bus, and the answers that come to this node's own queue. */
import { randomUUID } from 'node:crypto';
import type { Answers, Asker, ControlChannel, Patience, Question } from '../bus.ts';
import { withDeadline } from '../deadline.ts';
import { messageOf } from '../errors.ts';
import { headersOf, type Sender } from './messages.ts';

/** Beyond it nobody is asked: whoever waits for that many has asked in vain already. */
const maxUnderWay = 1000;
/** Of one question. Nobody has so many nodes; a forger has. */
const maxAnswers = 1000;

/** Says what went wrong, at most once a minute. */
export type Warn = (text: string, fields: object) => void;

export class BusAsker implements Asker {
  /** What takes the answers to a question, by its id. */
  readonly #underWay = new Map<string, (message: unknown) => void>();

  constructor(
    private readonly control: ControlChannel,
    private readonly sender: Sender,
    private readonly warn: Warn,
  ) {}

  async ask<Answer>(question: Question<Answer>, { enough, ms }: Patience<Answer>): Promise<Answers<Answer>> {
    const answers: Answer[] = [];
    if (!this.control.isUp || this.#underWay.size >= maxUnderWay) return { answers, partial: true };
    if (enough(answers)) return { answers, partial: false };
    const id = randomUUID();
    let isEnough = false;
    const answered = new Promise<void>((resolve) => {
      this.#underWay.set(id, (message) => {
        if (isEnough || answers.length >= maxAnswers) return;
        answers.push(question.read(message));
        isEnough = enough(answers);
        if (isEnough) resolve();
      });
      this.#publish(id, question).catch((error: unknown) => {
        this.warn('the other nodes could not be asked', { reason: messageOf(error) });
        resolve();
      });
    });
    await withDeadline(ms, answered);
    this.#underWay.delete(id);
    return { answers, partial: !isEnough };
  }

  /**
   * A message that came to this node's queue.
   * @throws ZodError where it answers a question, but not in its way
   */
  receive(message: { readonly 'Msg-ID': string }): void {
    this.#underWay.get(message['Msg-ID'])?.(message);
  }

  async #publish(id: string, { exchange, routingKey, fields }: Question<unknown>): Promise<void> {
    await this.control.publish(exchange, routingKey, {
      ...headersOf(this.sender),
      'Msg-ID': id,
      'Server-ID': this.control.address,
      ...fields,
    });
  }
}
