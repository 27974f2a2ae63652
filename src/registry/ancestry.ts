/**
 * Which of the accounts that are asked for with all below them an event's account is below. Remembered, since the same
 * accounts have events again and again; and only for as long as the account tree is the same object, so that nobody sees
 * an event of an account that has left.
 */

/** The account tree, as far as events need it. */
export interface AccountChain {
  /** Another object when it has changed. */
  readonly tree: object;
  /** The account that another one is right below, if any. */
  parentOf(account: string): string | undefined;
}

/** Accounts that are remembered; few buses have so many. */
const maxRemembered = 50_000;

export class Ancestry {
  /** Accounts that are asked for with all below them, and how often. */
  readonly #asked = new Map<string, number>();
  readonly #known = new Map<string, readonly string[]>();
  #tree: object | undefined;

  constructor(private readonly accounts: AccountChain) {}

  get isEmpty(): boolean {
    return this.#asked.size === 0;
  }

  add(account: string): void {
    const count = this.#asked.get(account) ?? 0;
    if (count === 0) this.#known.clear();
    this.#asked.set(account, count + 1);
  }

  delete(account: string): void {
    const count = this.#asked.get(account) ?? 0;
    if (count > 1) {
      this.#asked.set(account, count - 1);
      return;
    }
    this.#asked.delete(account);
    this.#known.clear();
  }

  /** Those of them that an account is, or is below. */
  above(account: string): readonly string[] {
    const { tree } = this.accounts;
    if (tree !== this.#tree || this.#known.size >= maxRemembered) this.#known.clear();
    this.#tree = tree;
    let found = this.#known.get(account);
    if (found === undefined) {
      found = this.#look(account);
      this.#known.set(account, found);
    }
    return found;
  }

  #look(account: string): readonly string[] {
    const found: string[] = [];
    for (let one: string | undefined = account; one !== undefined; one = this.accounts.parentOf(one)) {
      if (this.#asked.has(one)) found.push(one);
    }
    return found;
  }
}
