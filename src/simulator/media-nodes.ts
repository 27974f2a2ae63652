/**
 * The media nodes of the simulated PBX: they say that they live, answer whoever asks what is now, and have commands to
 * calls obeyed. They hear the bus
 * through whoever starts them, and share the PBX's clock.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { gregorianSeconds } from '../gregorian.ts';
import { MediaTables, questionSchema } from './answers.ts';
import { commandSchema, obey } from './operator.ts';
import type { Pbx } from './pbx.ts';
import { type Fields, type MediaServer, mediaServers, type PbxMessage } from './stage.ts';

/** What they want to hear: exchanges of type topic. */
export const mediaPatterns = [
  { exchange: 'callevt', routingPattern: 'call.status_req.#' },
  { exchange: 'conference', routingPattern: 'conference.discovery' },
  { exchange: 'registrar', routingPattern: 'registration.query.#' },
  // To actions and not to flows, as Kazoo's call control does.
  { exchange: 'metaflow', routingPattern: 'metaflow.action.#' },
] as const;

/** The exchanges that there must be besides those of the PBX itself. */
export const mediaExchanges = [
  { name: 'metaflow', type: 'topic' },
  { name: 'nodes', type: 'fanout' },
  { name: 'targeted', type: 'direct' },
] as const;

const advertiseMs = 4000;
/** How long they count as living without another word: Kazoo's own figure. ms */
const expiresMs = 9990;
/** How long an answer takes, ms: somebody else's turn. */
const answerMs = 2;

const asked = z.object({ 'Server-ID': z.string().min(1).max(255), 'Msg-ID': z.string().min(1).max(4096) });

/** Started once the PBX plays. */
export interface MediaNodes {
  /** A message that came by one of the patterns. What is neither question nor command is nobody's fault. */
  hear(payload: unknown): void;
  /** Says goodbye. */
  stop(): void;
}

/** @param publish takes each message as it happens */
export function startMediaNodes({ playing, timers }: Pbx, publish: (message: PbxMessage) => void): MediaNodes {
  const nodes = mediaServers.map((server) => ({ server, tables: new MediaTables(playing, server) }));
  const startedAt = gregorianSeconds(timers.now());
  const waiting = new Set<{ cancel(): void }>();
  let isStopped = false;

  function later(ms: number, task: () => void): void {
    const timer = timers.after(ms, () => {
      waiting.delete(timer);
      task();
    });
    waiting.add(timer);
  }

  function advertise(server: MediaServer, expires: number): void {
    const channels = playing.flatMap(({ line }) => [...line.channels]).filter((channel) => channel.server === server);
    say('nodes', '', server, {
      'App-Name': 'kz_nodes',
      'Event-Category': 'nodes',
      'Event-Name': 'advertise',
      'Msg-ID': randomUUID(),
      Channels: channels.length,
      Expires: expires,
      Version: '4.3.142 - 25',
      'Used-Memory': 17_308_280,
      WhApps: { ecallmgr: { Startup: startedAt, Roles: [] } },
      Zone: 'local',
    });
  }

  function say(exchange: string, routingKey: string, server: MediaServer, fields: Fields): void {
    const headers = { 'App-Name': 'ecallmgr', 'App-Version': '4.0.0', Node: server.ecallmgr };
    publish({ exchange, routingKey, payload: { ...headers, ...fields } });
  }

  function advertiseAgain(): void {
    for (const { server } of nodes) advertise(server, expiresMs);
    later(advertiseMs, advertiseAgain);
  }

  advertiseAgain();
  return {
    hear(payload) {
      if (isStopped) return;
      const command = commandSchema.safeParse(payload);
      if (command.success) {
        later(answerMs, () => {
          for (const one of playing) obey(one, command.data);
        });
        return;
      }
      const who = asked.safeParse(payload);
      const question = questionSchema.safeParse(payload);
      if (!who.success || !question.success) return;
      for (const { server, tables } of nodes) {
        later(answerMs, () => {
          const answer = tables.answer(question.data);
          if (answer === undefined) return;
          say('targeted', who.data['Server-ID'], server, { ...answer, 'Msg-ID': who.data['Msg-ID'] });
        });
      }
    },
    stop() {
      isStopped = true;
      for (const timer of waiting) timer.cancel();
      waiting.clear();
      for (const { server } of nodes) advertise(server, 0);
    },
  };
}
