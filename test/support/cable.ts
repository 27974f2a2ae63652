/** A TCP line to a server that can be cut, or fall silent, as lines do: without a word to either end. */
import { createServer, connect as openSocket, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Cable {
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  /** Connections that were opened through it. */
  readonly opened: number;
  /** Cuts what is connected. */
  cut(): void;
  /** Nothing passes any more, and nobody is told. Connections from now on are taken and fall silent as well. */
  fallSilent(): void;
  /** From now on connections pass, to that port or the one of before. */
  restore(port?: number): void;
}

/** @param port of the server, on this machine */
export async function layCable(port: number): Promise<Cable> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let isSilent = false;
  let opened = 0;
  let target = port;
  const server: Server = createServer((near) => {
    opened += 1;
    const far = openSocket(target, '127.0.0.1');
    const pair = [near, far] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('data', (data) => isSilent || to.write(data));
      from.on('error', end);
      from.on('close', () => isSilent || end());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const cut = (): void => {
    for (const pair of [...pairs]) {
      pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    }
  };
  onTestFinished(() => {
    cut();
    server.close();
  });
  return {
    address: `http://127.0.0.1:${address.port}`,
    get opened() {
      return opened;
    },
    cut,
    fallSilent() {
      isSilent = true;
    },
    restore(newPort = target) {
      target = newPort;
      isSilent = false;
    },
  };
}
