/** A broker's bindings for tests of the binder: operations complete when the test says so, in any order, and may fail. */
import { type Bus, ExchangeAbsent } from '../../src/bus.ts';
import type { Pattern } from '../../src/families/family.ts';
import { patternKey } from '../../src/registry/plan.ts';

/**
 * How an operation ends: `done`; `refused`, without effect; `unheard`, done, but the answer was lost; `late`, as good as
 * refused for the node, and done by the broker later, though before what it is asked next of the same pattern; `absent`,
 * without effect, since an optional exchange is not there.
 */
export type Ending = 'done' | 'refused' | 'unheard' | 'late' | 'absent';

interface Operation {
  readonly kind: 'bind' | 'unbind';
  readonly key: string;
  /** The connection that it was sent on: what another one holds is not touched. */
  readonly connection: number;
  settle(error: Error | undefined): void;
}

export class FakeBus implements Pick<Bus, 'isUp' | 'bind' | 'unbind'> {
  isUp = true;
  /** What the broker holds. */
  readonly bound = new Set<string>();
  /** What was asked and not answered, oldest first. */
  readonly pending: Operation[] = [];
  /** Everything that was asked, `bind EXCHANGE KEY`. */
  readonly asked: string[] = [];
  #late: Operation[] = [];
  #connection = 1;

  bind(pattern: Pattern): Promise<void> {
    return this.#ask('bind', pattern);
  }

  unbind(pattern: Pattern): Promise<void> {
    return this.#ask('unbind', pattern);
  }

  /** Ends a pending operation. One of a connection that is gone fails in any case. */
  end(index: number, ending: Ending = 'done'): void {
    const [operation] = this.pending.splice(index, 1);
    if (operation === undefined) return;
    if (operation.connection !== this.#connection) {
      operation.settle(new Error('the connection is gone'));
      return;
    }
    this.#arrive(operation.key);
    if (ending === 'late') this.#late.push(operation);
    else if (ending !== 'refused' && ending !== 'absent') this.#apply(operation);
    if (ending === 'absent') operation.settle(new ExchangeAbsent('absent'));
    else operation.settle(ending === 'done' ? undefined : new Error(ending));
  }

  /** Ends everything that is pending now, oldest first. */
  endAll(ending: Ending = 'done'): void {
    for (let count = this.pending.length; count > 0; count -= 1) this.end(0, ending);
  }

  /** The broker does what it was late with. */
  arriveAll(): void {
    for (const operation of this.#late) this.#apply(operation);
    this.#late = [];
  }

  /** The connection is lost, and the queue with it; what is pending fails when the test says so. */
  drop(): void {
    this.isUp = false;
    this.#connection += 1;
    this.#late = [];
    this.bound.clear();
  }

  /** Somebody deletes an exchange: its bindings go, and nobody is told. */
  deleteExchange(exchange: string): void {
    for (const key of this.bound) if (key.startsWith(`${exchange} `)) this.bound.delete(key);
  }

  #ask(kind: 'bind' | 'unbind', pattern: Pattern): Promise<void> {
    const key = patternKey(pattern);
    this.asked.push(`${kind} ${key}`);
    if (!this.isUp) return Promise.reject(new Error('the broker is away'));
    return new Promise((resolve, reject) => {
      this.pending.push({
        kind,
        key,
        connection: this.#connection,
        settle: (error) => (error === undefined ? resolve() : reject(error)),
      });
    });
  }

  #arrive(key: string): void {
    for (const operation of this.#late) if (operation.key === key) this.#apply(operation);
    this.#late = this.#late.filter((operation) => operation.key !== key);
  }

  #apply({ kind, key }: Operation): void {
    if (kind === 'bind') this.bound.add(key);
    else this.bound.delete(key);
  }
}
