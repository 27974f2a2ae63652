/**
 * Asking an authority again about tokens that sockets live on. After a restart thousands of them are due in the same
 * seconds: a token is asked about once, however many sockets live on it, and only so many at a time.
 */
import type { Identity } from './identity.ts';

const defaultLimit = 20;

export class Renewals {
  /** By the token's digest: those under way, and those that wait. */
  readonly #underWay = new Map<string, Promise<Identity>>();
  readonly #waiting: (() => void)[] = [];
  #asking = 0;

  constructor(private readonly limit = defaultLimit) {}

  /** @returns as `ask` does, which is not called where the same token is asked about already */
  renew(tokenDigest: string, ask: () => Promise<Identity>): Promise<Identity> {
    const known = this.#underWay.get(tokenDigest);
    if (known !== undefined) return known;
    const renewal = this.#inTurn(ask).finally(() => this.#underWay.delete(tokenDigest));
    this.#underWay.set(tokenDigest, renewal);
    return renewal;
  }

  async #inTurn(ask: () => Promise<Identity>): Promise<Identity> {
    if (this.#asking < this.limit) this.#asking += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await ask();
    } finally {
      // The place is handed on, or given back.
      const next = this.#waiting.shift();
      if (next === undefined) this.#asking -= 1;
      else next();
    }
  }
}
