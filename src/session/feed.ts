/** What a client that can resume (`?resume=on`) is given beside its events. `replay/` implements it. */
import type { Subscription } from './subscription.ts';

export interface Feed {
  /** Whether events go to it as they come. While it catches up they wait for their turn: what it gets is one sequence. */
  readonly isLive: boolean;
  /** Whether its events carry cursors: there is a history. */
  readonly hasCursors: boolean;
  /** The position of the last event that it was sent as it came. */
  sentAt: number;
  /**
   * From now on events wait.
   * @param position what it has everything up to; undefined: all that came so far
   */
  hold(position?: number): void;
  /**
   * The position up to which a subscription that is filtered in another way from now on is done with: what is behind it is
   * for the new filter. -1: nothing hangs on it.
   */
  doneTo(subscription: Subscription): number;
  /** What kept it from being given its events may be over: it goes on where it was held. */
  wake(): void;
  /** Subscriptions began or ended. */
  subscriptionsChanged(): void;
}
