/**
 * Never a silent hole: whether what the stream is bound to is still bound. Bindings go with their exchange, and nobody is
 * told. A look is a canary through every exchange and behind them, straight to the stream, a fence: when the fence comes
 * out of the stream, whatever canary did not come before it has lost its binding. All nodes read all looks, so one look a
 * second does for all of them. What is lost is bound again between two marks, which all nodes meet at the same position.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { operationMs, replyCode, within } from './connection.ts';
import { canaryKey, digest, encodeOwn, type Fence, type OwnMessage } from './stream-messages.ts';
import type { TopologyChannel } from './topology-channel.ts';

/** What the stream needs of an exchange. */
export interface WatchedExchange {
  readonly name: string;
  readonly families: readonly string[];
  readonly routingPatterns: readonly string[];
  /** It is bound where it is there, and never declared. */
  readonly isOptional: boolean;
}

/** How long an exchange is let be that is not there, and need not be or may not be declared. ms */
const absentMs = 5000;
/** And one that may not be bound. ms */
const refusedMs = 600_000;
/** How long the node that was first to see a loss has for mending it, before another one does. ms */
const claimMs = 2000;
/** And how soon those look again who were not the first. ms */
const lookAgainMs = 150;
/** How often a look mends what it finds lost again: the next look goes on. */
const maxMended = 3;
/** Canaries of looks whose fence never came. */
const maxLooks = 100;

interface PendingLook {
  readonly id: string;
  readonly since: number;
  resolve(lost: Lost): void;
  reject(error: Error): void;
}

/** What a look found: all exchanges that have lost their bindings, and those that are this node's to mend. */
interface Lost {
  readonly all: readonly WatchedExchange[];
  readonly own: readonly WatchedExchange[];
}

/** What a look came to: `refused` and `missing` name the exchange that ended it. */
class LookEnded extends Error {
  constructor(
    readonly kind: 'refused' | 'missing',
    readonly exchange: string,
  ) {
    super(`${exchange}: ${kind}`);
  }
}

export class StreamLooks {
  /** Stands for all that is looked at. */
  readonly scope: string;
  /** It was made just now: that nothing is bound yet is as it should be. */
  isStreamNew = false;
  readonly #exchanges: readonly WatchedExchange[];
  /** May not be written to: no canary can fly there. */
  readonly #unwatched = new Set<string>();
  /** Until when (ms of `performance`) an exchange is let be. */
  readonly #letBe = new Map<string, number>();
  /** The exchanges whose canaries came, by look. */
  readonly #seen = new Map<string, Set<string>>();
  /** By exchange: the look that was the first to see its loss, in the order of the stream, and when that was. */
  readonly #claims = new Map<string, { readonly look: string; readonly at: number }>();
  #pending: PendingLook | undefined;
  #channel: ConfirmChannel | undefined;

  constructor(
    private readonly stream: string,
    exchanges: readonly WatchedExchange[],
    private readonly topology: TopologyChannel,
    /** The connection that publishes: a memory alarm stops whoever does, so it is not the one that reads. */
    private readonly publisher: () => ChannelModel | undefined,
    private readonly log: Log,
  ) {
    this.#exchanges = exchanges;
    this.scope = digest(exchanges.map(({ name, routingPatterns }) => digest([name, ...routingPatterns])));
  }

  /** Since when a look is under way (ms of `performance`), if one is. */
  get lookingSince(): number | undefined {
    return this.#pending?.since;
  }

  /** Writes a message of ours straight into the stream. Resolves once the broker has it. */
  async write(message: OwnMessage): Promise<void> {
    const channel = await this.#open();
    const written = new Promise<void>((resolve, reject) => {
      channel.publish('', this.stream, ...encodeOwn(message), (error: unknown) => {
        if (error === null || error === undefined) resolve();
        else reject(new Error(`the broker took no message: ${messageOf(error)}`));
      });
    });
    await within(operationMs, written);
  }

  onCanary(look: string, exchange: string): void {
    const seen = this.#seen.get(look);
    if (seen !== undefined) seen.add(exchange);
    else this.#seen.set(look, new Set([exchange]));
    if (this.#seen.size <= maxLooks) return;
    const [oldest] = this.#seen.keys();
    this.#seen.delete(oldest as string);
  }

  /** All nodes read all looks: who sees a loss knows whether another one has seen it before, and will mend it. */
  onFence({ look, scope, looked, missing }: Fence): void {
    const seen = this.#seen.get(look);
    this.#seen.delete(look);
    if (scope !== this.scope) return;
    const names = new Set([...missing, ...looked.filter((name) => seen?.has(name) !== true)]);
    const lost = this.#exchanges.filter(({ name }) => names.has(name));
    const now = performance.now();
    for (const { name } of lost) {
      const claim = this.#claims.get(name);
      if (claim === undefined || now - claim.at > claimMs) this.#claims.set(name, { look, at: now });
    }
    const pending = this.#pending;
    if (pending?.id !== look) return;
    this.#pending = undefined;
    pending.resolve({ all: lost, own: lost.filter(({ name }) => this.#claims.get(name)?.look === look) });
  }

  /** Somebody has bound what these families need: the next loss is another one. */
  onMended(families: readonly string[] | undefined): void {
    for (const exchange of this.#exchanges) {
      const isMended = exchange.families.some((family) => families === undefined || families.includes(family));
      if (isMended) this.#claims.delete(exchange.name);
    }
  }

  /** What was asked will not be answered: the stream is read no more, or the answer was lost. */
  end(reason: string): void {
    this.#pending?.reject(new Error(reason));
    this.#pending = undefined;
  }

  /**
   * Looks, and mends what it finds, or waits for who has found it before. Resolves when everything is bound that can be, and
   * that has been seen: by then this node has met the marks around what was mended, and tells nobody of them who comes later.
   * @param epoch what the fence says of the history
   */
  async look(epoch: Fence['epoch']): Promise<void> {
    const missing = new Set<string>();
    for (let mended = 0; mended <= maxMended; ) {
      try {
        const lost = await this.#fly(missing, epoch);
        if (lost.all.length === 0) return;
        if (lost.own.length > 0) mended += 1;
        await this.#mend(lost.own);
        missing.clear();
        await pause(lookAgainMs);
      } catch (error) {
        if (!(error instanceof LookEnded)) throw error;
        if (error.kind === 'refused') this.#unwatched.add(error.exchange);
        else if (this.#isOptional(error.exchange)) this.#letBe.set(error.exchange, performance.now() + absentMs);
        else missing.add(error.exchange);
      }
    }
  }

  /**
   * Where canaries may not fly: an exchange of our own, as short-lived as theirs, is missing once the broker has been
   * restarted, and then theirs were, too. Asked after each connect. While it is there nothing is bound: that would wipe
   * out what tells the others of a loss.
   * @returns whether it bound them, between two marks
   */
  async mendUnwatched(): Promise<boolean> {
    const unwatched = this.#exchanges.filter(({ name }) => this.#unwatched.has(name));
    if (unwatched.length === 0) return false;
    this.log.warn(
      { exchanges: [...this.#unwatched] },
      'these exchanges may not be written to: should one of them alone be deleted, nobody will notice what is missed',
    );
    const texts = unwatched.flatMap(({ name, routingPatterns }) => [name, ...routingPatterns]);
    const witness = { name: `${this.stream}.witness-${digest(texts)}`, type: 'fanout' } as const;
    if (await this.topology.hasExchange(witness.name)) return false;
    await this.#bindAll(unwatched);
    await this.topology.ensureExchange(witness);
    return true;
  }

  /** @returns the exchanges whose canaries did not come back, and those that are not there. @throws LookEnded where one ended the look */
  async #fly(missing: ReadonlySet<string>, epoch: Fence['epoch']): Promise<Lost> {
    const now = performance.now();
    const exchanges = this.#exchanges.filter(
      ({ name }) => !missing.has(name) && !this.#unwatched.has(name) && (this.#letBe.get(name) ?? 0) <= now,
    );
    const channel = await this.#open();
    const id = randomUUID();
    return new Promise((resolve, reject) => {
      this.#pending = { id, since: now, resolve, reject };
      for (const exchange of exchanges) {
        const [body, properties] = encodeOwn({ kind: 'canary', look: id, exchange: exchange.name });
        channel.publish(exchange.name, canaryKey(this.stream, exchange.routingPatterns), body, properties);
      }
      const looked = exchanges.map(({ name }) => name);
      const { scope } = this;
      const fence: Fence = { kind: 'fence', look: id, time: Date.now(), scope, looked, missing: [...missing] };
      const [body, properties] = encodeOwn(epoch === undefined ? fence : { ...fence, epoch });
      channel.publish('', this.stream, body, properties);
    });
  }

  async #open(): Promise<ConfirmChannel> {
    if (this.#channel !== undefined) return this.#channel;
    const model = this.publisher();
    if (model === undefined) throw new Error('the broker is away');
    const channel = await within(operationMs, model.createConfirmChannel());
    let refusal: Error | undefined;
    channel.on('error', (error: Error) => {
      refusal = error;
    });
    channel.on('close', () => {
      if (this.#channel !== channel) return;
      this.#channel = undefined;
      const pending = this.#pending;
      this.#pending = undefined;
      pending?.reject(endOfLook(refusal));
    });
    this.#channel = channel;
    return channel;
  }

  async #mend(lost: readonly WatchedExchange[]): Promise<void> {
    const there: WatchedExchange[] = [];
    for (const exchange of lost) if (await this.#isThere(exchange)) there.push(exchange);
    if (there.length === 0) return;
    const exchanges = there.map(({ name }) => name);
    if (this.isStreamNew) this.log.info({ exchanges }, 'the new stream is being bound');
    else this.log.warn({ exchanges }, 'the stream is not bound; events may have been missed');
    this.isStreamNew = false;
    const bound = await this.#bindAll(there);
    // Bound last, it stands for all the others: a node killed before this leaves what the next look finds.
    for (const { name, routingPatterns } of bound) {
      await this.topology.bind(this.stream, { name, type: 'topic' }, canaryKey(this.stream, routingPatterns));
    }
  }

  #isOptional(exchange: string): boolean {
    return this.#exchanges.some(({ name, isOptional }) => isOptional && name === exchange);
  }

  /** Declared where it is missing. One that can't be has no events that could be missed. */
  async #isThere({ name }: WatchedExchange): Promise<boolean> {
    if (await this.topology.hasExchange(name)) return true;
    try {
      await this.topology.ensureExchange({ name, type: 'topic' });
      return true;
    } catch (error) {
      if (replyCode(error) === undefined) throw error;
      this.log.warn({ err: error, exchange: name }, 'an exchange is missing and can’t be declared');
    }
    this.#letBe.set(name, performance.now() + absentMs);
    return false;
  }

  /** Mark, bind, mark. @returns those that could be bound */
  async #bindAll(exchanges: readonly WatchedExchange[]): Promise<readonly WatchedExchange[]> {
    const families = [...new Set(exchanges.flatMap((exchange) => exchange.families))];
    await this.write({ kind: 'mark', when: 'before', families });
    const bound: WatchedExchange[] = [];
    for (const { name, routingPatterns, ...others } of exchanges) {
      try {
        for (const pattern of routingPatterns) await this.topology.bind(this.stream, { name, type: 'topic' }, pattern);
        bound.push({ name, routingPatterns, ...others });
      } catch (error) {
        if (replyCode(error) === undefined) throw error;
        // One that may not be had must not keep the others from being mended.
        this.log.error(
          { err: error, exchange: name },
          'the stream can’t be bound: events of this exchange are missing',
        );
        this.#letBe.set(name, performance.now() + refusedMs);
      }
    }
    await this.write({ kind: 'mark', when: 'behind', families });
    return bound;
  }
}

/** The broker's words tell which of the canaries ended the look. */
function endOfLook(refusal: Error | undefined): Error {
  const [, exchange] = /exchange '([^']+)'/.exec(refusal?.message ?? '') ?? [];
  const code = replyCode(refusal);
  if (exchange !== undefined && code === 404) return new LookEnded('missing', exchange);
  if (exchange !== undefined && code === 403) return new LookEnded('refused', exchange);
  return refusal ?? new Error('the channel was closed');
}
