/** A connection that recovers by amqplib's own means, through every address in turn. */
import amqp, { type Channel, type ChannelModel, type RecoveringChannelModel } from 'amqplib';
import { late, withDeadline } from '../deadline.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { Addresses } from './addresses.ts';
import { surviveUndecodable } from './undecodable.ts';

/** How long the broker may take for one operation. Under a memory alarm it may take for ever. ms */
export const operationMs = 4000;
const connectMs = 10_000;

export interface ConnectionHandler {
  /** Makes queues, consumers and channels anew after each connect. What it throws is tried again later. */
  setup(model: ChannelModel): Promise<void>;
  onUp(): void;
  /** Told when the broker is lost, and again for each attempt that fails. */
  onDown(reason: string): void;
  /** The broker stops taking messages (a memory or disk alarm), or takes them again. */
  onBlocked?(isBlocked: boolean): void;
  /** How long to wait before an attempt to connect again, ms. Counted from 1; without it longer and longer, up to 5 s. */
  retryMs?(attempt: number): number;
}

export class BrokerConnection {
  readonly #addresses: Addresses;
  #recovering: RecoveringChannelModel | undefined;
  #isUp = false;
  /** Said once, however many attempts fail after it. */
  #isAway = false;
  #isStopped = false;

  /** @param name shown among the broker's connections */
  constructor(
    urls: readonly string[],
    private readonly name: string,
    private readonly handler: ConnectionHandler,
    private readonly log: Log,
  ) {
    this.#addresses = new Addresses(urls);
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  async start(): Promise<void> {
    const recovering = await amqp.connect(this.#addresses.options, {
      noDelay: true,
      timeout: connectMs,
      clientProperties: { connection_name: this.name },
      recovery: {
        maxDelay: 5000,
        ...(this.handler.retryMs === undefined ? {} : { calculateDelay: this.handler.retryMs }),
        // With the default, a broker that is away at the start could not even be observed.
        waitForConnect: false,
        setup: (model: ChannelModel) => this.#setup(model),
      },
    });
    this.#recovering = recovering;
    this.#listen(recovering);
    if (this.#isStopped) await recovering.close();
  }

  async #setup(model: ChannelModel): Promise<void> {
    // amqplib listens only once this is through: an error before would end the process, and a close would be missed.
    model.on('error', (error) =>
      this.log.debug({ err: error, connection: this.name }, 'the connection to the broker failed'),
    );
    let isClosed = false;
    model.on('close', () => {
      isClosed = true;
    });
    try {
      surviveUndecodable(model);
      await within(connectMs, this.handler.setup(model));
      if (isClosed) throw new Error('the connection was closed in the middle of its set-up');
    } catch (error) {
      // amqplib says goodbye now and waits for the answer, for ever where the broker has fallen silent. Of two goodbyes
      // the second fails at once.
      model.close().catch((failure: unknown) => {
        this.log.debug({ err: failure, connection: this.name }, 'the connection to the broker was closed already');
      });
      throw error;
    }
  }

  #listen(recovering: RecoveringChannelModel): void {
    recovering.on('connect', () => {
      this.#isUp = true;
      this.#isAway = false;
      this.log.info({ connection: this.name, broker: this.#addresses.shown }, 'the broker is connected');
      this.handler.onUp();
    });
    recovering.on('disconnect', (error) => this.#onDown(error));
    recovering.on('connect-failed', (error) => this.#onDown(error));
    recovering.on('blocked', (reason: string) => {
      this.log.warn({ connection: this.name, reason }, 'the broker takes no messages now');
      this.handler.onBlocked?.(true);
    });
    recovering.on('unblocked', () => {
      this.log.info({ connection: this.name }, 'the broker takes messages again');
      this.handler.onBlocked?.(false);
    });
    recovering.on('error', (error) =>
      this.log.warn({ err: error, connection: this.name }, 'the connection to the broker failed'),
    );
    recovering.on('handler-error', (error: Error) => this.log.error({ err: error }, 'fault in a broker event handler'));
  }

  #onDown(error: Error): void {
    this.#isUp = false;
    if (this.#isStopped) return;
    const reason = `${this.#addresses.shown}: ${messageOf(error)}`;
    this.#addresses.rotate();
    if (this.#isAway) this.log.debug({ connection: this.name, reason }, 'the broker is still away');
    else this.log.warn({ connection: this.name, reason }, 'the broker is away');
    this.#isAway = true;
    this.handler.onDown(reason);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#isUp = false;
    if (this.#recovering === undefined) return;
    // A broker that doesn't answer the goodbye is not waited for.
    await within(operationMs, this.#recovering.close()).catch((error: unknown) => {
      this.log.debug({ err: error, connection: this.name }, 'the broker did not say goodbye');
    });
  }
}

/** A channel with the listeners that keep a failure of it from ending the process. */
export async function openChannel(
  model: ChannelModel,
  onClose: () => void,
  onError: (error: Error) => void,
): Promise<Channel> {
  const channel = await within(operationMs, model.createChannel());
  channel.on('error', onError);
  channel.on('close', onClose);
  return channel;
}

/** The broker took too long. What it was asked may come to pass all the same. */
export class BrokerSilent extends Error {
  override readonly name = 'BrokerSilent';
}

/**
 * Settles as `operation` does.
 * @throws BrokerSilent after so many milliseconds
 */
export async function within<T>(ms: number, operation: Promise<T>): Promise<T> {
  const outcome = await withDeadline(ms, operation);
  if (outcome === late) throw new BrokerSilent(`the broker did not answer within ${ms} ms`);
  return outcome;
}

/** The AMQP reply code of an error that closed a channel: 404 not found, 406 precondition failed, … */
export function replyCode(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}
