/**
 * Lets so many tasks into each turn of the event loop. After a restart thousands of clients knock at once, and opening
 * them all in one turn would keep everybody else's events waiting.
 */
export class Turnstile {
  #waiting: (() => void)[] = [];

  constructor(private readonly perTurn: number) {}

  enter(task: () => void): void {
    this.#waiting.push(task);
    if (this.#waiting.length === 1) setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    const admitted = this.#waiting.slice(0, this.perTurn);
    for (const task of admitted) task();
    this.#waiting = this.#waiting.slice(admitted.length);
    if (this.#waiting.length > 0) setImmediate(this.#turn);
  };
}
