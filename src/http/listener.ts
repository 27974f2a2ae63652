/** An HTTP server as a part of the running process: it listens from its start to its stop. */
import type { AddressInfo } from 'node:net';
import { late, withDeadline } from '../deadline.ts';
import { ConfigError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Http } from './http-server.ts';

/** How long a listener may take to close: a connection that hangs must not keep the process. */
const closeMs = 5000;
/** What the system says of a host that can't be found, or is not this machine. */
const hostFaults = /^(ENOTFOUND|EAI_\w+|EADDRNOTAVAIL|EAFNOSUPPORT)$/;

export class Listener {
  readonly name = 'listener';
  #address = '';

  constructor(
    private readonly http: Http,
    private readonly host: string,
    private readonly port: number,
    private readonly log: Log,
  ) {}

  /** `http://127.0.0.1:5555`, once it listens. */
  get address(): string {
    return this.#address;
  }

  /** @throws ConfigError when HOST can't be used */
  async start(): Promise<void> {
    try {
      await this.http.listen({ host: this.host, port: this.port, listenTextResolver: () => '' });
    } catch (error) {
      if (!hostFaults.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
      throw new ConfigError([`HOST: ${this.host} is no address of this machine (${messageOf(error)})`]);
    }
    const { address, family, port } = this.http.server.address() as AddressInfo;
    this.#address = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  async stop(): Promise<void> {
    const outcome = await withDeadline(closeMs, this.http.close());
    if (outcome === late) this.log.warn('connections were still open at the end');
  }
}
