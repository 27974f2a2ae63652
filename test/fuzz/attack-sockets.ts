/** Attackers by WebSocket: one socket after the other, each with a token or none, messages and frames right and wrong. */
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { constants, deflateRawSync } from 'node:zlib';
import { z } from 'zod';
import type { Random } from '../../src/simulator/random.ts';
import { type FrameOptions, frameBytes, opcodes, parseFrame } from '../support/frames.ts';
import type { Findings } from './findings.ts';
import type { MakeMessage } from './messages.ts';
import { anyBytes, mutateBytes, mutateJson } from './mutate.ts';
import { closeRecipes, type Recipe, recipeSockets, recipes } from './recipes.ts';
import type { World } from './world.ts';

export interface SocketTarget {
  readonly port: number;
  readonly world: World;
  readonly make: MakeMessage;
  readonly findings: Findings;
  readonly isOver: () => boolean;
}

/** What a text frame of the server can be, as far as it is checked. */
const answerSchema = z.union([
  z.object({
    action: z.literal('reply'),
    status: z.enum(['success', 'error']),
    data: z.object({ code: z.string().optional() }),
  }),
  z.object({ action: z.literal('event'), account_id: z.string() }),
  z.object({ name: z.string(), args: z.unknown() }),
]);

/** Opens sockets until it is over. */
export async function attackSockets(target: SocketTarget, random: Random): Promise<void> {
  while (!target.isOver()) {
    const attacker = new Attacker(target, random);
    if (await attacker.open()) await attacker.play();
    attacker.end();
    await pause(random.between(0, 20));
  }
}

/** Reaches every error code once, and the close codes that a stranger's frames lead to. */
export async function playRecipes(target: SocketTarget, random: Random): Promise<void> {
  for (const [code, recipe] of Object.entries(recipes)) {
    if (typeof recipe !== 'function') continue;
    const count = recipeSockets[code as keyof typeof recipes] ?? 1;
    const attackers = Array.from({ length: count }, () => new Attacker(target, random, { isPlain: true }));
    for (const attacker of attackers) {
      if (await attacker.open()) attacker.follow(recipe);
    }
    // A slow machine takes its time; a code that doesn't come is missed in the end.
    for (let waits = 0; waits < 100 && !target.findings.codes.has(code); waits += 1) await pause(50);
    for (const attacker of attackers) attacker.end();
  }
  for (const [code, frames] of closeRecipes) {
    const attacker = new Attacker(target, random, { isPlain: true });
    if (await attacker.open()) attacker.send(frames);
    for (let waits = 0; waits < 100 && !target.findings.closes.has(code); waits += 1) await pause(50);
    attacker.end();
  }
}

class Attacker {
  readonly #socket: Socket;
  readonly #isAdmin: boolean;
  #unread: Buffer = Buffer.alloc(0);
  #head: string | undefined;
  #isGone = false;

  constructor(
    private readonly target: SocketTarget,
    private readonly random: Random,
    private readonly options: { readonly isPlain?: boolean } = {},
  ) {
    this.#isAdmin = options.isPlain !== true && random.chance(0.03);
    this.#socket = connect(target.port, '127.0.0.1');
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.#isGone = true;
    });
    this.#socket.on('data', (chunk) => this.#read(chunk));
  }

  /** @returns whether there is a WebSocket */
  async open(): Promise<boolean> {
    this.target.findings.sent.connections += 1;
    this.#socket.write(this.#upgrade());
    for (let waits = 0; waits < 200 && this.#head === undefined && !this.#isGone; waits += 1) await pause(5);
    return this.#head?.startsWith('HTTP/1.1 101') === true;
  }

  #upgrade(): Buffer {
    const { random, target } = this;
    const isPlain = this.options.isPlain === true;
    const { tokens } = target.world;
    const lines = [
      `GET ${random.pick(['/', '/', '/?dialect=kazoo4', '/x/y', '/?dialect=classic'])} HTTP/1.1`,
      'Host: fuzz',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${Buffer.from(random.hex(16)).toString('base64')}`,
      `X-Forwarded-For: 192.0.2.${random.between(1, 250)}`,
    ];
    if (this.#isAdmin) lines.push(`X-Auth-Token: ${tokens.admin}`);
    else if (!isPlain && random.chance(0.4)) lines.push(`Authorization: Bearer ${random.pick(tokens.good)}`);
    if (!isPlain && random.chance(0.5)) {
      lines.push(
        `Sec-WebSocket-Extensions: ${random.pick(['permessage-deflate', 'permessage-deflate; client_max_window_bits', 'permessage-deflate; nonsense', 'x; "'])}`,
      );
    }
    const request = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
    return isPlain || random.chance(0.95) ? request : mutateBytes(request, random);
  }

  follow(recipe: Recipe): void {
    for (const message of recipe(this.target.world)) {
      this.#sendText(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)));
    }
  }

  send(frames: readonly Buffer[]): void {
    this.target.findings.sent.frames += frames.length;
    this.#write(Buffer.concat(frames));
  }

  async play(): Promise<void> {
    const { random } = this;
    for (let steps = random.between(1, 40); steps > 0 && !this.#isGone && !this.target.isOver(); steps -= 1) {
      this.#step();
      if (this.#socket.writableLength > 1_000_000) break;
      await pause(random.pick([0, 0, 1, 5, 20]));
    }
    await pause(random.between(0, 60));
  }

  #step(): void {
    const { random } = this;
    const kind = random.next();
    if (kind < 0.7) this.#sendText(this.#message());
    else if (kind < 0.78) this.#fragmented(this.#message());
    else if (kind < 0.86) this.#compressed();
    else if (kind < 0.92) this.#control();
    else if (kind < 0.94) this.#oddFrame();
    else if (kind < 0.95) this.#write(anyBytes(random, random.between(1, 100)));
    else if (kind < 0.96) this.#write(mutateBytes(frameBytes(this.#message()), random));
    else if (kind < 0.98)
      this.#sendText(Buffer.alloc(random.pick([1000, 16_384, 16_385, 65_536, 65_537]), random.pick([' ', 'x', '['])));
    else this.#closeFrame();
  }

  #message(): Buffer {
    const { random } = this;
    let message = this.target.make(random);
    for (let changes = random.pick([0, 0, 0, 1, 1, 2, 5]); changes > 0; changes -= 1)
      message = mutateJson(message, random);
    const bytes = Buffer.from(JSON.stringify(message));
    return random.chance(0.05) ? mutateBytes(bytes, random) : bytes;
  }

  #sendText(bytes: Buffer): void {
    this.target.findings.sent.messages += 1;
    this.#sendFrame(bytes, {});
  }

  #fragmented(bytes: Buffer): void {
    const { random } = this;
    const size = Math.max(1, Math.floor(bytes.length / random.pick([2, 5, 50, 300])));
    for (let at = 0; at < bytes.length || at === 0; at += size) {
      const opcode = at === 0 ? opcodes.text : opcodes.continuation;
      this.#write(frameBytes(bytes.subarray(at, at + size), { opcode, fin: at + size >= bytes.length }));
      if (random.chance(0.01)) this.#sendFrame(Buffer.from('p'), { opcode: opcodes.ping });
    }
  }

  /** Where it was not agreed upon, nearly never: that ends the socket. */
  #compressed(): void {
    const isAgreed = this.#head?.toLowerCase().includes('permessage-deflate') === true;
    if (!isAgreed && this.random.chance(0.9)) this.#sendText(this.#message());
    else this.#sendFrame(deflated(this.#message(), this.random), { reserved: 4 });
  }

  #control(): void {
    const { random } = this;
    const opcode = random.pick([opcodes.ping, opcodes.pong]);
    for (let count = random.pick([1, 1, 5, 50, 400]); count > 0; count -= 1) {
      this.#sendFrame(anyBytes(random, random.pick([0, 5, 5, 125])), { opcode });
    }
  }

  #oddFrame(): void {
    const { random } = this;
    const payload = anyBytes(random, random.between(0, 130));
    const claimedBytes = random.chance(0.2) ? random.pick([0, 65_535, 2 ** 32, 2 ** 53 - 1]) : payload.length;
    this.#sendFrame(payload, {
      opcode: random.between(0, 15),
      fin: random.chance(0.7),
      masked: random.chance(0.9),
      reserved: random.chance(0.8) ? 0 : random.between(1, 7),
      claimedBytes,
    });
  }

  #closeFrame(): void {
    const { random } = this;
    const code = Buffer.alloc(2);
    code.writeUInt16BE(random.pick([0, 999, 1000, 1005, 1006, 3000, 4999, 65_535]));
    const payload = random.pick([Buffer.alloc(0), code, Buffer.concat([code, anyBytes(random, 20)])]);
    this.#sendFrame(payload, { opcode: opcodes.close });
  }

  #sendFrame(payload: Buffer, options: FrameOptions): void {
    this.target.findings.sent.frames += 1;
    this.target.findings.note(`frame ${JSON.stringify(options)} ${payload.toString('latin1', 0, 150)}`);
    this.#write(frameBytes(payload, options));
  }

  #write(bytes: Buffer): void {
    if (!this.#isGone && this.#socket.writable) this.#socket.write(bytes);
  }

  /** A goodbye, half of one, or none. */
  end(): void {
    const manner = this.random.pick(['destroy', 'reset', 'end']);
    if (manner === 'destroy') this.#socket.destroy();
    else if (manner === 'reset') this.#socket.resetAndDestroy();
    else {
      this.#socket.end();
      setTimeout(() => this.#socket.destroy(), 1000).unref();
    }
  }

  #read(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    if (this.#head === undefined) {
      const end = this.#unread.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.#head = this.#unread.subarray(0, end).toString('latin1');
      this.#unread = this.#unread.subarray(end + 4);
      if (this.#head.startsWith('HTTP/1.1 500'))
        this.target.findings.fault(`an upgrade was answered with ${this.#head}`);
    }
    if (!this.#head.startsWith('HTTP/1.1 101')) return;
    for (let frame = parseFrame(this.#unread); frame !== undefined; frame = parseFrame(this.#unread)) {
      this.#unread = frame.behind;
      if (frame.opcode === opcodes.text && frame.fin) this.#take(frame.payload);
      else if (frame.opcode === opcodes.close && frame.payload.length >= 2) {
        this.target.findings.countClose(frame.payload.readUInt16BE(0));
      }
    }
  }

  #take(payload: Buffer): void {
    const { findings } = this.target;
    const text = payload.toString();
    // Compressed events are not read: that they are whole is what the tests of compression show.
    if (!text.startsWith('{')) return;
    findings.checkText(text, 'a socket', this.#isAdmin);
    const answer = answerSchema.safeParse(parsed(text));
    if (!answer.success) {
      findings.fault(`a frame that the protocol doesn't know: ${text.slice(0, 300)}`);
      return;
    }
    if ('status' in answer.data && answer.data.data.code !== undefined) {
      findings.countCode(answer.data.data.code);
      if (answer.data.data.code === 'internal') findings.fault(`an internal error: ${text.slice(0, 300)}`);
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function deflated(bytes: Buffer, random: Random): Buffer {
  const result = deflateRawSync(bytes, {
    finishFlush: constants.Z_SYNC_FLUSH,
    windowBits: random.pick([9, 10, 15]),
  }).subarray(0, -4);
  return random.chance(0.7) ? result : mutateBytes(result, random);
}
