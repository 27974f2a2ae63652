/** Stories end where a command takes one of their channels: whoever took it tells how the call goes on. */
import type { Channel } from './channel.ts';
import type { Script } from './stage.ts';

/** The channels of a story. */
export class Legs {
  readonly #joined = new Map<Channel, number>();

  add(channel: Channel): Channel {
    this.#joined.set(channel, channel.takeovers);
    return channel;
  }

  /** Somebody else has one of them by now. */
  get areTaken(): boolean {
    return [...this.#joined].some(([channel, takeovers]) => channel.takeovers !== takeovers);
  }
}

/** Plays a story to its end, or to the first pause in which one of its channels was taken. */
export function* untilTaken(story: Script, legs: Legs): Script {
  try {
    for (let step = story.next(); !step.done; step = story.next()) {
      yield step.value;
      if (legs.areTaken) return;
    }
  } finally {
    story.return();
  }
}
