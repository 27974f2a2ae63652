/**
 * What the scenarios of one account play on: its clock, its chance, the headers that every bus message carries, and
 * scripts, which are stories with pauses. All timers of the PBX are made and cancelled here.
 */
import type { Random } from './random.ts';

/** An account whose telephones the PBX plays. */
export interface PbxAccount {
  /** 32 hex digits with Kazoo; any text without a dot. */
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
  /** How many times as fast as a person. */
  readonly speed: number;
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
    speed,
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

/** A program of the neighbourhood that publishes: what its messages say of it. */
export interface Publisher {
  readonly name: string;
  readonly version: string;
  /** `NAME@HOST` */
  readonly node: string;
}

const appsNode = 'kazoo_apps@apps1.example.com';
const ecallmgrNode = 'ecallmgr@apps1.example.com';

/** A switch, and the node that speaks and answers for it. */
export interface MediaServer {
  readonly host: string;
  readonly address: string;
  readonly node: string;
  readonly ecallmgr: string;
}

/** Who says what on the bus of a Kazoo cluster. */
export const publishers = {
  /** Calls, conferences and presence, as the media server tells them. */
  ecallmgr: { name: 'ecallmgr', version: '4.0.0', node: ecallmgrNode },
  /** What comes of dialled numbers: parking, voicemail, missed calls. */
  callflow: { name: 'callflow', version: '4.0.0', node: appsNode },
  park: { name: 'park', version: '4.0.0', node: appsNode },
  callCommand: { name: 'kapps_call_command', version: '4.0.0', node: appsNode },
  conferenceCommand: { name: 'kapps_conference', version: '1.0.0', node: appsNode },
  fax: { name: 'fax', version: '4.0.0', node: appsNode },
  /** The documents' database. */
  datamgr: { name: 'datamgr', version: '4.0.0', node: appsNode },
  /** The proxy that telephones register with. */
  kamailio: { name: 'kamailio', version: '5.5.7', node: 'kamailio@proxy1.example.com' },
} as const satisfies Record<string, Publisher>;

/** Where the scenarios of one account meet. */
export interface Stage {
  readonly account: PbxAccount;
  readonly random: Random;
  /** How many times as fast as a person. */
  readonly speed: number;
  /** Unix time, ms. */
  now(): number;
  play(script: Script): void;
  /**
   * Publishes with the headers that every message of the bus has.
   * @param fields with `Event-Category` and `Event-Name`
   */
  publish(by: Publisher, exchange: string, routingKey: string, fields: Fields): void;
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
    speed: player.speed,
    now: () => timers.now(),
    play: (script) => player.play(script),
    publish(by, exchange, routingKey, fields) {
      if (player.isStopped) return;
      const headers = { 'App-Name': by.name, 'App-Version': by.version, Node: by.node, 'Msg-ID': random.hex(16) };
      send({ exchange, routingKey, payload: { ...fields, ...headers } });
    },
  };
}

/** The first of the media servers, and the node of the applications. */
export const mediaServer = {
  host: 'media1.example.com',
  address: '192.0.2.10',
  node: 'freeswitch@media1.example.com',
  ecallmgr: ecallmgrNode,
  apps: appsNode,
};

/** Calls run over either of them. */
export const mediaServers: readonly [MediaServer, MediaServer] = [
  mediaServer,
  {
    host: 'media2.example.com',
    address: '192.0.2.11',
    node: 'freeswitch@media2.example.com',
    ecallmgr: 'ecallmgr@apps2.example.com',
  },
];

/** @param id ends with a hex digit, which was drawn already: no chance is spent on it */
export function mediaServerFor(id: string): MediaServer {
  return mediaServers[Number.parseInt(id.slice(-1), 16) % 2 === 0 ? 0 : 1];
}

/** `8-4-4-4-12` hex digits. */
export const uuid = (random: Random): string => [8, 4, 4, 4, 12].map((digits) => random.hex(digits)).join('-');

/** `YYYYMM` in UTC, which is how the monthly databases are named. */
export const monthOf = (unixMs: number): string => new Date(unixMs).toISOString().slice(0, 7).replace('-', '');
