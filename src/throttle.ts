/** Keeps what happens again and again, at somebody else's will, from filling the disk with log lines. */

const everyMs = 60_000;

/** Lets one line a minute pass for each kind. The kinds are few and our own: they are kept for good. */
export class Throttle<Kind> {
  readonly #passed = new Map<Kind, { readonly at: number; held: number }>();

  /** @returns how many were held back since the last line of the kind; undefined: this one is held back as well */
  pass(kind: Kind): number | undefined {
    const now = performance.now();
    const last = this.#passed.get(kind);
    if (last !== undefined && now - last.at < everyMs) {
      last.held += 1;
      return undefined;
    }
    this.#passed.set(kind, { at: now, held: 0 });
    return last?.held ?? 0;
  }
}
