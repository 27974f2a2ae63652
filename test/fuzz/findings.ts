/** What a run has seen: counts, and faults with what was sent before them. */
import type { ActionErrorCode } from '../../src/errors.ts';

export class Findings {
  readonly faults: string[] = [];
  readonly codes = new Map<string, number>();
  readonly closes = new Map<number, number>();
  readonly statuses = new Map<number, number>();
  sent = { messages: 0, frames: 0, requests: 0, events: 0, connections: 0 };
  /** What was sent last, by anybody. */
  readonly #trail: string[] = [];

  constructor(
    /** What nobody may be told but its owner. */
    private readonly marks: readonly string[],
    private readonly secrets: readonly string[],
  ) {}

  note(what: string): void {
    this.#trail.push(what.slice(0, 200));
    if (this.#trail.length > 20) this.#trail.shift();
  }

  /** Something that is wrong at once: with what was sent before it. */
  fault(what: string): void {
    this.conclude(`${what}\n  after: ${this.#trail.slice(-5).join('\n         ')}`);
  }

  /** Something that is wrong with the run as a whole. */
  conclude(what: string): void {
    if (this.faults.length < 50) this.faults.push(what);
  }

  countCode(code: ActionErrorCode | string): void {
    this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
  }

  countClose(code: number): void {
    this.closes.set(code, (this.closes.get(code) ?? 0) + 1);
  }

  countStatus(status: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
  }

  /** @param mayWatch whether it went to somebody who may see the canaries */
  checkText(text: string, to: string, mayWatch = false): void {
    if (!mayWatch && this.marks.some((mark) => text.includes(mark)))
      this.fault(`${to} was told of a canary: ${text.slice(0, 300)}`);
    if (this.secrets.some((secret) => text.includes(secret)))
      this.fault(`${to} was told a secret: ${text.slice(0, 300)}`);
  }
}
