/**
 * What the scenarios of one account play on: its clock, its chance, the headers that every bus message carries, and
 * scripts, which are stories with pauses. All timers of the PBX are made and cancelled here.
 */
import type { Random } from './random.ts';

/** An account whose telephones the PBX plays. */
export interface PbxAccount {
  /** 32 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly realm: string;
}

/** A message as the neighbours on the bus would publish it. */
export interface PbxMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Fields of a payload, in the bus's spelling (`Call-ID`). */
export type Fields = Readonly<Record<string, unknown>>;

/** A story: it publishes, and yields how long it waits before it goes on, in ms at a person's pace. */
export type Script = Generator<number, void, void>;

/** The clock and the timers of the PBX. */
export interface PbxTimers {
  /** Unix time, ms. */
  now(): number;
  after(ms: number, task: () => void): { cancel(): void };
}

/** Plays scripts side by side until it is stopped. */
export interface Player {
  /** Runs the script to its first pause at once, and the rest as time passes. */
  play(script: Script): void;
  readonly isStopped: boolean;
  /** Cancels every pause: no script goes on. */
  stop(): void;
}

/** @param speed how many times as fast as a person; above 0 */
export function createPlayer(timers: PbxTimers, speed: number): Player {
  const pauses = new Set<{ cancel(): void }>();
  let isStopped = false;

  function play(script: Script): void {
    if (isStopped) return;
    const step = script.next();
    // Whoever hears a message may stop the PBX while the script is in the middle of a step.
    if (step.done || isStopped) return;
    const pause = timers.after(Math.round(step.value / speed), () => {
      pauses.delete(pause);
      play(script);
    });
    pauses.add(pause);
  }

  return {
    play,
    get isStopped() {
      return isStopped;
    },
    stop() {
      isStopped = true;
      for (const pause of pauses) pause.cancel();
      pauses.clear();
    },
  };
}

/** Where the scenarios of one account meet. */
export interface Stage {
  readonly account: PbxAccount;
  readonly random: Random;
  /** Unix time, ms. */
  now(): number;
  play(script: Script): void;
  /**
   * Publishes with the headers of every bus message. `App-Name` is `ecallmgr` unless the fields say otherwise.
   * @param fields with `Event-Category` and `Event-Name`
   */
  publish(exchange: string, routingKey: string, fields: Fields): void;
}

/** @param send takes the messages; called until the player is stopped */
export function createStage(
  account: PbxAccount,
  random: Random,
  timers: PbxTimers,
  player: Player,
  send: (message: PbxMessage) => void,
): Stage {
  return {
    account,
    random,
    now: () => timers.now(),
    play: (script) => player.play(script),
    publish(exchange, routingKey, fields) {
      if (player.isStopped) return;
      send({ exchange, routingKey, payload: { ...headers(random), ...fields } });
    },
  };
}

/** The media server that all calls of the demo run over. */
export const mediaServer = { host: 'media1.example.com', address: '192.0.2.10', node: 'ecallmgr@media1.example.com' };

const headers = (random: Random): Fields => ({
  'App-Name': 'ecallmgr',
  'App-Version': '4.0.0',
  'Msg-ID': random.hex(32),
  Node: mediaServer.node,
});
