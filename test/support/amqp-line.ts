/** A TCP proxy before a broker that understands AMQP's frames: it looks on, cuts connections, or lets them fall silent. */
import { createServer, connect as openSocket, type Socket } from 'node:net';

/** Methods that tests look for, by class and method id. */
const methodNames: Readonly<Record<string, string>> = {
  '10.11': 'connection.start-ok',
  '10.31': 'connection.tune-ok',
  '10.41': 'connection.open-ok',
  '10.50': 'connection.close',
  '10.51': 'connection.close-ok',
  '20.10': 'channel.open',
  '20.40': 'channel.close',
  '40.10': 'exchange.declare',
  '40.11': 'exchange.declare-ok',
  '50.10': 'queue.declare',
  '50.20': 'queue.bind',
  '50.21': 'queue.bind-ok',
  '50.50': 'queue.unbind',
  '60.10': 'basic.qos',
  '60.20': 'basic.consume',
  '60.21': 'basic.consume-ok',
  '60.40': 'basic.publish',
  '60.80': 'basic.ack',
};

const protocolHeaderBytes = 8;
const frameHeaderBytes = 7;
const methodIdBytes = 4;

interface Method {
  /** `CLASS.METHOD` where it has no name here. */
  readonly name: string;
  readonly channel: number;
  readonly fields: Buffer;
}

/** Finds the methods in one direction of a connection. */
class MethodReader {
  #rest: Buffer = Buffer.alloc(0);
  #skip: number;

  /** @param skip bytes before the first frame */
  constructor(skip: number) {
    this.#skip = skip;
  }

  /** Nothing of a frame was read that is not complete. */
  get isBetweenFrames(): boolean {
    return this.#skip === 0 && this.#rest.length === 0;
  }

  /** @returns the methods that are complete now */
  read(data: Buffer): Method[] {
    this.#rest = Buffer.concat([this.#rest, data]);
    const found: Method[] = [];
    for (;;) {
      const skipped = Math.min(this.#skip, this.#rest.length);
      this.#rest = this.#rest.subarray(skipped);
      this.#skip -= skipped;
      if (this.#rest.length < frameHeaderBytes) return found;
      const size = frameHeaderBytes + this.#rest.readUInt32BE(3) + 1;
      if (this.#rest.length < size) return found;
      if (this.#rest[0] === 1) {
        const id = `${this.#rest.readUInt16BE(frameHeaderBytes)}.${this.#rest.readUInt16BE(frameHeaderBytes + 2)}`;
        const fields = this.#rest.subarray(frameHeaderBytes + methodIdBytes, size - 1);
        found.push({ name: methodNames[id] ?? id, channel: this.#rest.readUInt16BE(1), fields });
      }
      this.#rest = this.#rest.subarray(size);
    }
  }
}

/** What a test does with a connection. */
export interface ProxyBehaviour {
  /** A connection is there; nothing has passed yet. */
  onOpen?(link: ProxyLink): void;
  /** The client asks for something; told before it is passed on. */
  onAsk?(method: string, link: ProxyLink): void;
  /** The broker answers or says something; told before it is passed on. */
  onAnswer?(method: string, link: ProxyLink): void;
}

export class ProxyLink {
  /** What the client asked for, in order. */
  readonly asked: string[] = [];
  /** The tag of the last acknowledgement: as many messages as that are acknowledged where each covers all before it. */
  acknowledgedUpTo = 0;
  /** What the client agreed to. */
  heartbeatSeconds: number | undefined;
  /** How many more bytes of the broker are passed on before the connection is cut. */
  bytesUntilCut = Number.POSITIVE_INFINITY;
  #isSilent = false;
  /** The consumer's tag as it goes on the wire, and its channel. */
  #consumer: { readonly tag: Buffer; readonly channel: number } | undefined;
  /** What is told to the client in the broker's name, at the next gap between two frames. */
  #toTell: Buffer | undefined;
  #held: Buffer[] | undefined;

  constructor(
    /** Counted from 0. */
    readonly number: number,
    private readonly client: Socket,
    private readonly broker: Socket,
    behaviour: ProxyBehaviour,
  ) {
    const asked = new MethodReader(protocolHeaderBytes);
    const answered = new MethodReader(0);
    client.on('data', (data) => {
      for (const { name, fields } of asked.read(data)) {
        this.asked.push(name);
        if (name === 'basic.ack') this.acknowledgedUpTo = Number(fields.readBigUInt64BE(0));
        if (name === 'connection.tune-ok') this.heartbeatSeconds = fields.readUInt16BE(6);
        behaviour.onAsk?.(name, this);
      }
      if (!this.#isSilent) broker.write(data);
    });
    broker.on('data', (data) => {
      for (const { name, channel, fields } of answered.read(data)) {
        if (name === 'basic.consume-ok') this.#consumer = { tag: fields, channel };
        behaviour.onAnswer?.(name, this);
      }
      if (this.#isSilent) return;
      this.#passOn(data);
      if (this.#toTell !== undefined && answered.isBetweenFrames) {
        this.#passOn(this.#toTell);
        this.#toTell = undefined;
      }
    });
    for (const socket of [client, broker]) {
      socket.on('error', () => this.cut());
      socket.on('close', () => this.#end());
    }
  }

  #passOn(data: Buffer): void {
    if (this.#held !== undefined) {
      this.#held.push(data);
      return;
    }
    this.client.write(data.subarray(0, this.bytesUntilCut));
    this.bytesUntilCut -= data.length;
    if (this.bytesUntilCut <= 0) this.client.end(() => this.cut());
  }

  /** While something is held back the other side's goodbye is held back as well. */
  #end(): void {
    if (this.#held === undefined && !this.#isSilent) this.cut();
  }

  /** Whether somebody consumes here. */
  get hasConsumer(): boolean {
    return this.#consumer !== undefined;
  }

  /** Tells the client that its consumer is no more, as a broker does for reasons of its own; as soon as it says something. */
  cancelConsumer(): void {
    if (this.#consumer === undefined) throw new Error('nobody consumes here');
    const { tag, channel } = this.#consumer;
    const payload = Buffer.concat([Buffer.from([0, 60, 0, 30]), tag, Buffer.from([1])]);
    const header = Buffer.alloc(frameHeaderBytes);
    header[0] = 1;
    header.writeUInt16BE(channel, 1);
    header.writeUInt32BE(payload.length, 3);
    this.#toTell = Buffer.concat([header, payload, Buffer.from([0xce])]);
  }

  /** Ends both sides with a reset. */
  reset(): void {
    this.client.resetAndDestroy();
    this.broker.resetAndDestroy();
  }

  /** Ends both sides at once. */
  cut(): void {
    this.client.destroy();
    this.broker.destroy();
  }

  /** From now on nothing passes in either direction, and both sides stay open. */
  fallSilent(): void {
    this.#isSilent = true;
  }

  /** From now on the broker's bytes are kept, */
  hold(): void {
    this.#held ??= [];
  }

  /** and passed on in one piece. */
  release(): void {
    const held = Buffer.concat(this.#held ?? []);
    this.#held = undefined;
    this.#passOn(held);
  }
}

export interface AmqpProxy {
  readonly port: number;
  readonly links: readonly ProxyLink[];
  url(vhost: string): string;
}

export interface OpenAmqpProxy extends AmqpProxy {
  /** Ends it, and all connections. */
  close(): void;
}

export async function openAmqpProxy(brokerPort: number, behaviour: ProxyBehaviour = {}): Promise<OpenAmqpProxy> {
  const links: ProxyLink[] = [];
  const server = createServer((client) => {
    const link = new ProxyLink(links.length, client, openSocket(brokerPort, '127.0.0.1'), behaviour);
    links.push(link);
    behaviour.onOpen?.(link);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    port,
    links,
    url: (vhost) => `amqp://guest:guest@127.0.0.1:${port}/${encodeURIComponent(vhost)}`,
    close() {
      server.close();
      for (const link of links) link.cut();
    },
  };
}
