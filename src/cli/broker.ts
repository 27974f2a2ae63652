/** The broker that a command works on directly: AMQP_URL, its addresses tried in turn. */
import amqp, { type Channel, type ChannelModel } from 'amqplib';
import { Addresses } from '../amqp/addresses.ts';
import { openChannel, operationMs, replyCode, within } from '../amqp/connection.ts';
import { surviveUndecodable } from '../amqp/undecodable.ts';
import { readConfig, readSetting } from '../config.ts';
import { messageOf } from '../errors.ts';
import { Failure, lineFault } from './failure.ts';

const connectMs = 10_000;

type Environment = Readonly<Record<string, string | undefined>>;

export interface ConnectedBroker {
  readonly model: ChannelModel;
  /** The address, as it may be shown. */
  readonly shown: string;
}

/**
 * The addresses of AMQP_URL, AMQP_URL_FILE or CONFIG_FILE.
 * @param purpose what the broker is for
 * @throws ConfigError, Failure badUsage where there are none
 */
export function brokerUrls(environment: Environment, purpose = 'to work on'): readonly string[] {
  const addresses = readSetting(environment, 'AMQP_URL');
  if (addresses === undefined) {
    throw new Failure(
      'badUsage',
      `AMQP_URL: not set; name the broker ${purpose}, amqp://user:password@host:5672/vhost`,
    );
  }
  return readConfig({ AMQP_URL: addresses, AUTH_JWT_SECRET: 'not needed here' }).AMQP_URL ?? [];
}

/**
 * Connects to the first that lets us in.
 * @throws Failure unreachable, or refused where one that can be reached refuses the user
 */
export async function connectBroker(urls: readonly string[]): Promise<ConnectedBroker> {
  const addresses = new Addresses(urls);
  const faults: string[] = [];
  let isRefused = false;
  for (const _ of urls) {
    try {
      const model = await amqp.connect(addresses.options, {
        noDelay: true,
        timeout: connectMs,
        clientProperties: { connection_name: 'event-horizon bus' },
      });
      // What went wrong is told by the operation that failed, or by `close`.
      model.on('error', () => undefined);
      surviveUndecodable(model);
      return { model, shown: addresses.shown };
    } catch (error) {
      const refusal = refusalOf(messageOf(error));
      isRefused ||= refusal !== undefined;
      faults.push(`${addresses.shown}: ${refusal ?? lineFault(error) ?? messageOf(error)}`);
      addresses.rotate();
    }
  }
  throw new Failure(isRefused ? 'refused' : 'unreachable', `no broker can be had: ${faults.join('; ')}`);
}

/** @returns in words that the broker answers and says no; undefined where it does something else */
function refusalOf(message: string): string | undefined {
  // amqplib gives the broker's own words for the user alone.
  if (message.includes('got <ConnectionClose')) return 'it refuses the virtual host, or any more connections';
  return /\b403\b|ACCESS.REFUSED/.test(message) ? (/with message "([^"]*)"/.exec(message)?.[1] ?? message) : undefined;
}

/** A broker that says no goodbye is not waited for. */
export async function disconnect({ model }: ConnectedBroker): Promise<void> {
  model.removeAllListeners('close');
  await within(operationMs, model.close()).catch(() => undefined);
}

/** Settles as the operation does, on a channel of its own: one that is refused costs nothing else. */
export async function onOwnChannel<T>(
  { model }: ConnectedBroker,
  operation: (channel: Channel) => Promise<T>,
): Promise<T> {
  let fault: Error | undefined;
  const channel = await openChannel(
    model,
    () => undefined,
    (error) => {
      fault = error;
    },
  );
  try {
    const outcome = await within(operationMs, operation(channel));
    await within(operationMs, channel.close());
    return outcome;
  } catch (error) {
    throw fault ?? error;
  }
}

const notFound = 404;

export async function hasExchange(broker: ConnectedBroker, name: string): Promise<boolean> {
  try {
    await onOwnChannel(broker, (channel) => channel.checkExchange(name));
    return true;
  } catch (error) {
    if (replyCode(error) === notFound) return false;
    throw brokerFailure(error);
  }
}

const accessRefused = 403;

/** What the broker says to a command, as a Failure: without amqplib's words around it. */
export function brokerFailure(error: unknown): Error {
  const code = replyCode(error);
  if (code === undefined) return error instanceof Error ? error : new Error(String(error));
  const words = /with message "([^"]*)"/.exec(messageOf(error))?.[1] ?? messageOf(error);
  return new Failure(code === accessRefused ? 'refused' : 'fault', `the broker: ${words}`, { cause: error });
}
