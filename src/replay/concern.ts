/** Which of a socket's subscriptions an event of the past is for. */
import { holds } from '../filters/filter.ts';
import type { Subscriptions } from '../registry/subscriptions.ts';
import type { Subscription } from '../session/subscription.ts';
import type { Topic } from '../session/topic.ts';
import type { PastEvent } from './past-events.ts';
import type { SocketFeed } from './socket-feed.ts';

export class Concern {
  /** Of the event in hand. */
  readonly #topics: Topic[] = [];
  readonly #found: Subscription[] = [];

  constructor(private readonly subscriptions: Subscriptions) {}

  /**
   * Others' filters, of which there may be thousands, cost it nothing.
   * @returns a list that is good until the next one is asked for
   */
  of({ byTopic }: SocketFeed, { event, read }: PastEvent): readonly Subscription[] {
    this.#topics.length = 0;
    this.#found.length = 0;
    this.subscriptions.matchTopics(event, this.#topics);
    for (const topic of this.#topics) {
      for (const subscription of byTopic.get(topic) ?? []) {
        const { place } = subscription.interest;
        if (place === undefined || holds(place.filter, read.fields)) this.#found.push(subscription);
      }
    }
    return this.#found;
  }
}
