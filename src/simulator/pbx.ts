/**
 * The simulated PBX: for each account it plays calls, conferences, registrations, presence, voicemail, faxes and changes
 * of documents, and publishes what a Kazoo would. It owns the clock and the end of the play; the scenarios are in the files beside this
 * one.
 */
import { playCalls } from './calls.ts';
import { playConferences } from './conferences.ts';
import { playDocuments } from './documents.ts';
import { playFaxes } from './faxes.ts';
import { createOffice } from './office.ts';
import { playPresence } from './presence.ts';
import { createRandom } from './random.ts';
import { playRegistrations } from './registrations.ts';
import { type PbxSnapshot, type Playing, snapshotOf } from './snapshot.ts';
import { createPlayer, createStage, type PbxAccount, type PbxMessage, type PbxTimers, type Stage } from './stage.ts';
import { createSwitch } from './switch.ts';
import { playVoicemail } from './voicemail.ts';

/** What callers of this module name. */
export type { PbxSnapshot } from './snapshot.ts';
export type { PbxAccount, PbxMessage } from './stage.ts';

/** The exchanges that it publishes to, all of type topic. */
export const pbxExchanges = [
  'callevt',
  'conference',
  'configuration',
  'faxes',
  'notifications',
  'presence',
  'registrar',
] as const;

/** What is played, how fast, and to whom. */
export interface PbxOptions {
  readonly accounts: readonly PbxAccount[];
  /** The same seed, accounts, speed and clock give the same messages. */
  readonly seed: number;
  /** 1: a person's pace; 10: ten times as fast. Above 0. Default: 1. */
  readonly speed?: number;
  /** Takes each message as it happens, from a timer: what it throws is nobody's to catch. */
  publish(message: PbxMessage): void;
  /** The clock and timers, so that tests and the demo share one code path. Default: those of Node.js. */
  readonly timers?: PbxTimers;
}

/** A PBX that plays until it is stopped. */
export interface Pbx {
  /** What plays, for who answers or acts in its name. */
  readonly playing: readonly Playing[];
  readonly timers: PbxTimers;
  /** What there is at this moment, for each account in the order of the options. */
  snapshot(): PbxSnapshot[];
  /** Cancels every timer. Nothing more is published; calls that are under way end untold. */
  stop(): void;
}

const nodeTimers: PbxTimers = {
  now: () => Date.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/**
 * Starts to play. The first message comes within a second (at speed 1), none before this returns.
 * @throws RangeError for a speed that is not above 0
 */
export function startPbx({ accounts, seed, speed = 1, publish, timers = nodeTimers }: PbxOptions): Pbx {
  if (!(speed > 0 && Number.isFinite(speed))) throw new RangeError(`speed must be a number above 0, not ${speed}`);
  const player = createPlayer(timers, speed);
  const seeds = createRandom(seed);
  const playing = accounts.map((account, index) => {
    // A source of its own for each account: what one plays doesn't depend on how the others' events fall.
    const random = createRandom(seeds.between(0, 2 ** 32 - 1));
    return playAccount(createStage(account, random, timers, player, publish), index);
  });
  return { playing, timers, snapshot: () => playing.map(snapshotOf), stop: () => player.stop() };
}

function playAccount(stage: Stage, index: number): Playing {
  const office = createOffice(stage.random, index);
  const presence = playPresence(stage, office);
  const line = createSwitch(stage, office, presence);
  const registrar = playRegistrations(stage, office);
  const archive = playDocuments(stage, office);
  const voicemail = playVoicemail(stage, office, archive);
  playFaxes(stage, office, archive);
  playCalls(stage, office, line, { archive, voicemail });
  const conferences = playConferences(stage, office, line);
  return { account: stage.account, stage, office, line, conferences, registrar, voicemail };
}
