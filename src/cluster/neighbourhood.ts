/** Who else lives on the bus: this node says every few seconds that it does, and hears the others say it. */
import type { ControlChannel } from '../bus.ts';
import { messageOf } from '../errors.ts';
import { gregorianSeconds } from '../gregorian.ts';
import type { Log } from '../log.ts';
import { TokenBucket } from '../token-bucket.ts';
import type { Warn } from './asker.ts';
import { advertiseSchema, headersOf, nodesExchange, type Sender } from './messages.ts';
import { type NodeKey, Roster } from './roster.ts';

/** How often a node says that it lives; it counts as gone after twice the time. ms */
const advertiseMs = 5000;
/** Whoever hears of a new node says at once that it lives: so long after a connect questions wait for that. ms */
const introductionMs = 200;
/** How long the first connection may take before a question no longer waits for it. ms */
const connectMs = 500;
/** The application of the nodes that know of calls. */
const mediaApplication = 'ecallmgr';
/** Of its own advertisements, before a node takes it that it hears nobody's. */
const maxUnheard = 2;
/** New nodes that are greeted at once: a flood of forged ones would make a flood of greetings. The rest wait for a tick. */
const greetings = { perSecond: 10, burst: 20 };

/** All times are of `performance.now()`, ms: a wall clock may be set back. */
export class Neighbourhood {
  /** Event Horizon's nodes, and Kazoo's that run Blackhole. */
  readonly #nodes: Roster;
  /** Kazoo's nodes that run calls. */
  readonly #mediaNodes: Roster;
  readonly #startedAt = Date.now();
  readonly #greetings = new TokenBucket(greetings);
  #advertiseAt = 0;
  /** Advertisements that the broker took since this node last heard one of its own. */
  #unheard = 0;
  /** From when on those that live are known. */
  #introducedAt = 0;
  /** From when on every media node that lives has said so. */
  #mediaKnownAt = Number.POSITIVE_INFINITY;

  /** @param mediaKnownMs how long after a connect every media node has said that it lives, ms */
  constructor(
    private readonly control: ControlChannel,
    private readonly sender: Sender,
    private readonly mediaKnownMs: number,
    private readonly warn: Warn,
    private readonly log: Log,
  ) {
    this.#nodes = new Roster(sender.instanceId, 'blackhole');
    this.#mediaNodes = new Roster(sender.instanceId, mediaApplication);
  }

  /** Whether this node hears others. Who hears nothing of itself hears of nobody. */
  get isDeaf(): boolean {
    return this.#unheard > 1;
  }

  start(): void {
    this.#introducedAt = performance.now() + connectMs;
  }

  /** The broker is there, or there again. */
  onUp(): void {
    const now = performance.now();
    this.#unheard = 0;
    this.#introducedAt = now + introductionMs;
    this.#mediaKnownAt = now + this.mediaKnownMs;
    this.#nodes.spare(now + 2 * advertiseMs);
    this.#mediaNodes.spare(this.#mediaKnownAt);
    this.#advertise();
  }

  /** Once a second, more or less, while the broker is there: it is time at the tick that is the nearest. */
  tick(now: number): void {
    this.#nodes.purge(now);
    this.#mediaNodes.purge(now);
    if (this.#unheard > maxUnheard) this.#renew();
    if (now >= this.#advertiseAt - 500) this.#advertise();
  }

  /** Says that this node is about to go. Never rejects. */
  async leave(): Promise<void> {
    await this.#say({ Expires: 0 });
  }

  /** The others that answer questions about sockets. */
  living(): Set<NodeKey> {
    return this.#nodes.living(performance.now());
  }

  /** @returns undefined while it is too early to know, or for another application than that of media nodes */
  running(application: string): ReadonlySet<NodeKey> | undefined {
    const now = performance.now();
    if (application !== mediaApplication || now < this.#mediaKnownAt) return undefined;
    return this.#mediaNodes.living(now);
  }

  /** Resolves when it is known who lives, just after a connect. */
  async introduced(): Promise<void> {
    const moment = 20;
    while (performance.now() < this.#introducedAt) await new Promise((resolve) => setTimeout(resolve, moment));
  }

  onAdvertise(payload: unknown): void {
    const message = advertiseSchema.safeParse(payload);
    if (!message.success) return;
    if (message.data['Instance-ID'] === this.sender.instanceId) this.#unheard = 0;
    const now = performance.now();
    this.#mediaNodes.note(message.data, now);
    const outcome = this.#nodes.note(message.data, now);
    if (outcome === 'full') this.warn('there are more nodes than this one keeps in mind', { node: message.data.Node });
    // Who is new doesn't know us either, and shall not have to wait for our next message.
    if (outcome !== 'new') return;
    if (this.#greetings.take(now)) this.#advertise();
    else this.#advertiseAt = now;
  }

  /** Somebody deleted the exchange and made it again: the binding went with it, and RabbitMQ tells nobody. */
  #renew(): void {
    this.#unheard = 0;
    this.warn('this node does not hear itself: the nodes’ conversation is bound anew', {});
    this.control.renew();
  }

  #advertise(): void {
    this.#advertiseAt = performance.now() + advertiseMs;
    void this.#say({ Expires: advertiseMs });
  }

  /** Never rejects. */
  async #say(fields: { readonly Expires: number }): Promise<void> {
    try {
      await this.control.publish(nodesExchange.name, '', {
        ...headersOf(this.sender),
        'Event-Category': 'nodes',
        'Event-Name': 'advertise',
        'Server-ID': this.control.address,
        'Used-Memory': this.sender.usedMemory(),
        Version: this.sender.version,
        WhApps: { blackhole: { Startup: gregorianSeconds(this.#startedAt) } },
        ...fields,
      });
      this.#unheard += 1;
    } catch (error) {
      this.log.debug({ reason: messageOf(error) }, 'this node could not be advertised');
    }
  }
}
