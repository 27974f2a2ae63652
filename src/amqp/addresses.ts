/** The brokers' addresses, tried in turn. */
import type { Options } from 'amqplib';
import { withoutPassword } from '../config.ts';

/** Dead peers are found after two to three of these. Seconds. */
const heartbeatSeconds = 5;

/**
 * Several AMQP URLs as the one that amqplib's recovery knows: it reads the fields of an options object anew at each
 * attempt, so these are getters, and `rotate` decides whose they are.
 */
export class Addresses {
  readonly #urls: readonly URL[];
  #current = 0;

  /** @param urls amqp://, amqps:// or kazoo:// (the same as amqp); at least one */
  constructor(urls: readonly string[]) {
    this.#urls = urls.map((url) => new URL(url));
  }

  rotate(): void {
    this.#current = (this.#current + 1) % this.#urls.length;
  }

  get #url(): URL {
    return this.#urls[this.#current] as URL;
  }

  /** The current address as it may be shown. */
  get shown(): string {
    return withoutPassword(this.#url.href);
  }

  get options(): Options.Connect {
    const addresses = this;
    return {
      get protocol() {
        return addresses.#url.protocol === 'amqps:' ? 'amqps' : 'amqp';
      },
      get hostname() {
        return addresses.#url.hostname.replace(/^\[|\]$/g, '');
      },
      get port() {
        return Number(addresses.#url.port) || (addresses.#url.protocol === 'amqps:' ? 5671 : 5672);
      },
      get username() {
        return decodeURIComponent(addresses.#url.username || 'guest');
      },
      get password() {
        return decodeURIComponent(addresses.#url.password || 'guest');
      },
      // amqplib decodes this one itself, and takes none for `/`.
      get vhost() {
        return addresses.#url.pathname.slice(1);
      },
      heartbeat: heartbeatSeconds,
    };
  }
}
