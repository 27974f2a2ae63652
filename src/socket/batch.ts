/**
 * What sockets are owed in one turn of the event loop. A batch is a node of a tree, the path from the root being the
 * frames in their order: sockets that are owed the same stand on the same node, so a delivery is a comparison and an
 * assignment, no socket has a list of its own, and the bytes of a path are joined once for all who stand at its end.
 */
import type { WireFrame } from './frame.ts';

export class Batch {
  #lastChild: Batch | undefined;
  #otherChildren: Map<WireFrame, Batch> | undefined;
  #joined: Buffer | undefined;
  #holes: number[] | undefined;

  private constructor(
    private readonly parent: Batch | undefined,
    private readonly frame: WireFrame | undefined,
    /** Bytes of all frames up to here. */
    readonly bytes: number,
    /** How many of the frames have a hole. */
    readonly holeCount: number,
  ) {}

  static root(): Batch {
    return new Batch(undefined, undefined, 0, 0);
  }

  /** The batch with one more frame. Hot: called for every delivery; nearly always the same frame comes again. */
  with(frame: WireFrame): Batch {
    const last = this.#lastChild;
    if (last !== undefined && last.frame === frame) return last;
    return this.#otherChild(frame);
  }

  #otherChild(frame: WireFrame): Batch {
    const known = this.#otherChildren?.get(frame);
    const child =
      known ?? new Batch(this, frame, this.bytes + frame.bytes.length, this.holeCount + (frame.holeAt < 0 ? 0 : 1));
    // Two kinds of frames take turns where sockets differ, so the one before is kept in the map.
    if (this.#lastChild !== undefined) {
      this.#otherChildren ??= new Map();
      this.#otherChildren.set(this.#lastChild.frame as WireFrame, this.#lastChild);
    }
    this.#lastChild = child;
    return child;
  }

  /** All frames up to here, joined. Shared: not to be changed by who has no holes to fill. */
  get joined(): Buffer {
    this.#joined ??= this.#join();
    return this.#joined;
  }

  /**
   * The joined frames with every hole filled. The buffer is used again for the next socket, unless `keep` is called.
   * @param tail as long as the holes are
   */
  filled(tail: Buffer): Buffer {
    const bytes = this.joined;
    this.#holes ??= this.#findHoles();
    for (const at of this.#holes) bytes.set(tail, at);
    return bytes;
  }

  /** Somebody still needs the buffer that `filled` gave out: the next socket gets another. */
  keep(): void {
    this.#joined = undefined;
  }

  #join(): Buffer {
    // One frame is already in one buffer; with a hole it is other sockets' template too.
    if (this.parent?.bytes === 0 && this.holeCount === 0) return (this.frame as WireFrame).bytes;
    const joined = Buffer.allocUnsafe(this.bytes);
    for (let batch: Batch = this; batch.parent !== undefined; batch = batch.parent) {
      joined.set((batch.frame as WireFrame).bytes, batch.parent.bytes);
    }
    return joined;
  }

  #findHoles(): number[] {
    const holes: number[] = [];
    for (let batch: Batch = this; batch.parent !== undefined; batch = batch.parent) {
      const { holeAt } = batch.frame as WireFrame;
      if (holeAt >= 0) holes.push(batch.parent.bytes + holeAt);
    }
    return holes;
  }
}
