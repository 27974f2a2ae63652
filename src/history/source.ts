/** What a source of history tells, beside the events themselves. */
import type { Epoch, Mark } from './history.ts';

export interface HistoryListener {
  /** Reading begins behind this position, for the first time or (a stream that was made anew) again: all before is void. */
  onBegin(position: number): void;
  /** Which history it is. Told before the source is up, and again should it turn out to be another one. */
  onEpoch(epoch: Epoch): void;
  /** At this position stands nobody's event. */
  onPass(position: number): void;
  /** @param ageMs how long ago the position was passed */
  onMoment(position: number, ageMs: number): void;
  /** Before this position events may be missing, for everybody who reads the source. */
  onMark(mark: Mark): void;
  /** This node could not read what was up to this position. */
  onLost(position: number): void;
}
