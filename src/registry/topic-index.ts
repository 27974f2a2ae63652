/**
 * The index from an event to the bindings that ask for it: account first, then family, then word by word.
 *
 * Client bindings have as many words as their family says, each a value or `*`, and never `#`. So a trie with one child
 * a value and one for `*` visits at most two nodes a word, however many bindings there are: 2 to 4 map look-ups for a
 * call. qlobber 8, a general AMQP matcher with the account as its first word, was measured against it on the same
 * bindings (`npm run bench -- index`): it splits and walks for `#` as well, and is five to six times slower.
 */

/** What is found: anything that has an account and a family. Its words are given with it: one may be found under several. */
export interface Indexed {
  readonly account: string;
  readonly eventFamily: string;
}

/** Entries of a leaf up to which looking one up among them costs less than a map of their places. */
const maxSearched = 16;

class Node<T> {
  values: Map<string, Node<T>> | undefined;
  star: Node<T> | undefined;
  /** A list, since that is walked fastest. */
  entries: T[] | undefined;
  /** Where in the list each entry is, of a leaf with many. */
  #places: Map<T, number> | undefined;

  get isEmpty(): boolean {
    return this.values === undefined && this.star === undefined && this.entries === undefined;
  }

  child(word: string): Node<T> | undefined {
    return word === '*' ? this.star : this.values?.get(word);
  }

  ensureChild(word: string): Node<T> {
    if (word === '*') {
      this.star ??= new Node();
      return this.star;
    }
    this.values ??= new Map();
    let node = this.values.get(word);
    if (node === undefined) {
      node = new Node();
      this.values.set(word, node);
    }
    return node;
  }

  removeChild(word: string): void {
    if (word === '*') {
      this.star = undefined;
      return;
    }
    this.values?.delete(word);
    if (this.values?.size === 0) this.values = undefined;
  }

  push(entry: T): void {
    if (this.entries === undefined) {
      this.entries = [entry];
      return;
    }
    this.entries.push(entry);
    if (this.#places !== undefined) this.#places.set(entry, this.entries.length - 1);
    else if (this.entries.length > maxSearched) this.#places = new Map(this.entries.map((each, at) => [each, at]));
  }

  /**
   * Takes the same time for any number of others: one thing may be spelled in a hundred thousand ways (`%2e`, `%2E`), and a
   * client may hold, and give back, a binding of each.
   */
  remove(entry: T): void {
    const { entries } = this;
    const at = this.#places === undefined ? entries?.indexOf(entry) : this.#places.get(entry);
    if (entries === undefined || at === undefined || at < 0) return;
    this.#places?.delete(entry);
    const last = entries.pop();
    if (last !== undefined && last !== entry) {
      entries[at] = last;
      this.#places?.set(last, at);
    }
    if (entries.length > 0) return;
    this.entries = undefined;
    this.#places = undefined;
  }
}

export class TopicIndex<T extends Indexed> {
  /** Account, then family. Both are maps of their own so that no key has to be put together for an event. */
  readonly #roots = new Map<string, Map<string, Node<T>>>();

  /** An entry is added under the same words once. */
  add(entry: T, words: readonly string[]): void {
    let families = this.#roots.get(entry.account);
    if (families === undefined) {
      families = new Map();
      this.#roots.set(entry.account, families);
    }
    let node = families.get(entry.eventFamily);
    if (node === undefined) {
      node = new Node();
      families.set(entry.eventFamily, node);
    }
    for (const word of words) node = node.ensureChild(word);
    node.push(entry);
  }

  /** Leaves no empty node behind: accounts and call ids come and go for as long as the process lives. */
  delete(entry: T, words: readonly string[]): void {
    const families = this.#roots.get(entry.account);
    const root = families?.get(entry.eventFamily);
    if (families === undefined || root === undefined) return;
    const path: Node<T>[] = [root];
    for (const word of words) {
      const next: Node<T> | undefined = path.at(-1)?.child(word);
      if (next === undefined) return;
      path.push(next);
    }
    path.at(-1)?.remove(entry);
    for (let depth = words.length; depth > 0 && path[depth]?.isEmpty; depth -= 1) {
      path[depth - 1]?.removeChild(words[depth - 1] as string);
    }
    if (root.isEmpty) families.delete(entry.eventFamily);
    if (families.size === 0) this.#roots.delete(entry.account);
  }

  /** Appends what matches an event to `found`. Hot: called for every event of the bus, allocates nothing. */
  collect(account: string, family: string, words: readonly string[], found: T[]): void {
    const root = this.#roots.get(account)?.get(family);
    if (root !== undefined) walk(root, words, 0, found);
  }

  /** The same for an event that is every account's. Takes longer the more accounts have bindings. */
  collectAll(family: string, words: readonly string[], found: T[]): void {
    for (const account of this.#roots.keys()) this.collect(account, family, words, found);
  }

  get isEmpty(): boolean {
    return this.#roots.size === 0;
  }
}

function walk<T>(node: Node<T>, words: readonly string[], depth: number, found: T[]): void {
  if (depth === words.length) {
    if (node.entries !== undefined) for (const entry of node.entries) found.push(entry);
    return;
  }
  const exact = node.values?.get(words[depth] as string);
  if (exact !== undefined) walk(exact, words, depth + 1, found);
  if (node.star !== undefined) walk(node.star, words, depth + 1, found);
}
