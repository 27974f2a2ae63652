/** A queue of things that have a position, in the order of their positions: found by position, taken from the front. */

export class PositionDeque<T extends { readonly position: number }> {
  #items: (T | undefined)[] = [];
  /** Where the first one is; what stands before it has been taken. */
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  get last(): T | undefined {
    return this.length === 0 ? undefined : this.#items.at(-1);
  }

  /** Its position is behind those of all others. */
  push(item: T): void {
    this.#items.push(item);
  }

  /** Puts an item in the place of the last one; its position is behind that. */
  replaceLast(item: T): void {
    this.#items[this.#items.length - 1] = item;
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head += 1;
    // Moved when half of the list is room: a shift costs the same whether there are ten or a million.
    if (this.#head >= 32 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  at(index: number): T | undefined {
    return index < 0 ? undefined : this.#items[this.#head + index];
  }

  /** The last one before a position. */
  before(position: number): T | undefined {
    return this.at(this.indexBehind(position - 1) - 1);
  }

  /** @returns the index of the first one behind a position; `length` where there is none */
  indexBehind(position: number): number {
    let low = this.#head;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#items[middle] as T).position > position) high = middle;
      else low = middle + 1;
    }
    return low - this.#head;
  }
}
