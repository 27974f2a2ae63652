/** The calls, conferences and documents of the simulated PBX tell stories that could have happened. */
import { describe, expect, test } from 'vitest';
import type { PbxMessage } from '../../src/simulator/pbx.ts';
import { callEvents } from '../support/offers.ts';
import {
  accountIds,
  accounts,
  grouped,
  type Heard,
  hour,
  ofExchange,
  playedHour,
  second,
  text,
} from '../support/simulated-pbx.ts';

const variables = ({ payload }: PbxMessage) => payload['Custom-Channel-Vars'] as Record<string, string>;
const channelsOf = (messages: readonly Heard[]) =>
  grouped(ofExchange(messages, 'callevt'), (message) => text(message, 'Call-ID'));

const playMs = hour;
const longPlay = playedHour();
const callsInConferences = (messages: readonly Heard[]) =>
  new Set(ofExchange(messages, 'conference').map((message) => text(message, 'Call-ID')));
/** No call of the play takes longer than this; conferences do. */
const longestCall = 90 * second;

describe('calls', () => {
  const channels = channelsOf(longPlay);

  test('all kinds of events and of ends come', () => {
    const messages = ofExchange(longPlay, 'callevt');
    expect(new Set(messages.map((message) => text(message, 'Event-Name')))).toEqual(new Set(callEvents));
    const ended = messages.filter((message) => text(message, 'Event-Name') === 'CHANNEL_DESTROY');
    expect(new Set(ended.map((message) => text(message, 'Hangup-Cause')))).toEqual(
      new Set(['NORMAL_CLEARING', 'NO_ANSWER', 'USER_BUSY', 'ORIGINATOR_CANCEL']),
    );
  });

  test('every channel is created first, once, and destroyed last, once', () => {
    expect(channels.size).toBeGreaterThan(500);
    // Members of a conference that is not over when the play ends.
    const members = new Set(
      ofExchange(longPlay, 'conference')
        .filter(({ at }) => at > playMs - 10 * second)
        .map((message) => text(message, 'Call-ID')),
    );
    for (const [callId, events] of channels) {
      const names = events.map((message) => text(message, 'Event-Name'));
      expect([names[0], names.lastIndexOf('CHANNEL_CREATE')]).toEqual(['CHANNEL_CREATE', 0]);
      const mayStillRun = (events[0]?.at ?? 0) > playMs - longestCall || members.has(callId);
      if (mayStillRun && !names.includes('CHANNEL_DESTROY')) continue;
      expect(names.indexOf('CHANNEL_DESTROY')).toBe(names.length - 1);
    }
  });

  test('events of a channel come in an order that is possible', () => {
    const mayFollow: Record<string, readonly string[]> = {
      CHANNEL_CREATE: ['CHANNEL_ANSWER', 'CHANNEL_DESTROY'],
      CHANNEL_ANSWER: ['CHANNEL_BRIDGE', 'CHANNEL_HOLD', 'CHANNEL_DESTROY'],
      CHANNEL_BRIDGE: ['CHANNEL_HOLD', 'PARK_PARKED', 'CHANNEL_DESTROY'],
      CHANNEL_HOLD: ['CHANNEL_UNHOLD'],
      CHANNEL_UNHOLD: ['CHANNEL_DESTROY'],
      PARK_PARKED: ['PARK_RETRIEVED', 'PARK_ABANDONED'],
      PARK_RETRIEVED: ['CHANNEL_DESTROY'],
      PARK_ABANDONED: ['CHANNEL_DESTROY'],
      CHANNEL_DESTROY: [],
    };
    const pairs = new Set<string>();
    for (const events of channels.values()) {
      const names = events.map((message) => text(message, 'Event-Name'));
      for (const [index, name] of names.slice(1).entries()) pairs.add(`${names[index]} then ${name}`);
    }
    const possible = Object.entries(mayFollow).flatMap(([name, next]) => next.map((each) => `${name} then ${each}`));
    expect([...pairs].filter((pair) => !possible.includes(pair))).toEqual([]);
  });

  test('both channels are answered before they are bridged, and the state says where the call stands', () => {
    const answered = new Set<string>();
    const seen = new Set<string>();
    const states: Record<string, readonly string[]> = {
      CHANNEL_CREATE: ['DOWN'],
      CHANNEL_ANSWER: ['EARLY', 'RINGING'],
      CHANNEL_HOLD: ['HELD'],
      CHANNEL_DESTROY: ['HANGUP'],
    };
    for (const message of ofExchange(longPlay, 'callevt')) {
      const name = text(message, 'Event-Name');
      if (name === 'CHANNEL_ANSWER') answered.add(text(message, 'Call-ID'));
      if (name === 'CHANNEL_BRIDGE') {
        const ends = [text(message, 'Call-ID'), text(message, 'Other-Leg-Call-ID')];
        expect(ends.every((callId) => answered.has(callId))).toBe(true);
      }
      // Callflow, which parks, says nothing of it.
      if (!name.startsWith('PARK_')) seen.add(`${name} ${text(message, 'Channel-Call-State')}`);
    }
    expect(seen.size).toBe(7);
    for (const pair of seen) {
      const [name = '', state] = pair.split(' ');
      expect(states[name] ?? ['ACTIVE']).toContain(state);
    }
  });

  test('the other leg is a channel of the same account and story, in the other direction unless it was parked', () => {
    const isRight = (message: Heard): boolean => {
      const [created] = channels.get(text(message, 'Other-Leg-Call-ID')) ?? [];
      if (created === undefined || created.at > message.at) return false;
      if (variables(created)['Account-ID'] !== variables(message)['Account-ID']) return false;
      if (message.payload['Other-Leg-Direction'] === undefined) return true;
      return (
        text(created, 'Call-Direction') === text(message, 'Other-Leg-Direction') &&
        text(created, 'Caller-ID-Number') === text(message, 'Other-Leg-Caller-ID-Number')
      );
    };
    const joined = ofExchange(longPlay, 'callevt').filter(({ payload }) => 'Other-Leg-Call-ID' in payload);
    expect(joined.length).toBeGreaterThan(1000);
    expect(joined.filter((message) => !isRight(message))).toEqual([]);
  });

  test('the end tells how long it took', () => {
    for (const events of channels.values()) {
      const last = events.at(-1);
      if (last === undefined || text(last, 'Event-Name') !== 'CHANNEL_DESTROY') continue;
      const [whole, billed, ringing] = ['Duration-Seconds', 'Billing-Seconds', 'Ringing-Seconds'].map((field) =>
        Number(last.payload[field]),
      );
      expect(whole).toBe(Math.floor((last.at - (events[0]?.at ?? 0)) / second));
      expect((billed ?? 0) + (ringing ?? 0)).toBe(whole);
      const isAnswered = events.some((message) => text(message, 'Event-Name') === 'CHANNEL_ANSWER');
      if (!isAnswered) expect(billed).toBe(0);
      expect(text(last, 'Hangup-Cause') === 'NORMAL_CLEARING').toBe(isAnswered);
    }
  });

  test('a screen pop finds whose telephone rings, who calls, and the call to key it by', () => {
    const ringing = ofExchange(longPlay, 'callevt').filter(
      (message) =>
        text(message, 'Event-Name') === 'CHANNEL_CREATE' &&
        text(message, 'Call-Direction') === 'outbound' &&
        variables(message)['Authorizing-Type'] === 'device',
    );
    expect(ringing.length).toBeGreaterThan(100);
    for (const message of ringing) {
      expect(variables(message)['Authorizing-ID']).toMatch(/^[0-9a-f]{32}$/);
      expect(variables(message)['Owner-ID']).toMatch(/^[0-9a-f]{32}$/);
      expect(text(message, 'Caller-ID-Number')).toMatch(/^(\+1\d{10}|\d{4})$/);
      const [call] = channels.get(text(message, 'Other-Leg-Call-ID')) ?? [];
      expect(call && text(call, 'Call-Direction')).toBe('inbound');
    }
  });

  test('two to five calls run at the same time in each account', () => {
    const members = callsInConferences(longPlay);
    const interactionOf = (events: readonly Heard[]) => {
      const last = events.findLast((message) => !text(message, 'Event-Name').startsWith('PARK_'));
      return last === undefined ? '' : `${variables(last)['Account-ID']} ${variables(last)['Call-Interaction-ID']}`;
    };
    const calls = new Map<string, { from: number; to: number }>();
    for (const [callId, events] of channels) {
      if (members.has(callId)) continue;
      const call = calls.get(interactionOf(events));
      const from = Math.min(events[0]?.at ?? 0, call?.from ?? playMs);
      calls.set(interactionOf(events), { from, to: Math.max(events.at(-1)?.at ?? 0, call?.to ?? 0) });
    }
    for (const id of accountIds) {
      const own = [...calls].filter(([interaction]) => interaction.startsWith(id)).map(([, call]) => call);
      const counts = new Set<number>();
      for (let at = 3 * second; at < playMs - longestCall; at += second) {
        counts.add(own.filter(({ from, to }) => from <= at && at <= to).length);
      }
      expect([...counts].sort()).toEqual([2, 3, 4, 5]);
    }
  });

  test('nobody is in two conversations at once', () => {
    const talking = new Map<string, string>();
    for (const message of ofExchange(longPlay, 'callevt')) {
      const owner = variables(message)['Owner-ID'];
      if (owner === undefined) continue;
      const callId = text(message, 'Call-ID');
      if (text(message, 'Event-Name') === 'CHANNEL_ANSWER') {
        expect(talking.get(owner) ?? callId).toBe(callId);
        talking.set(owner, callId);
      }
      if (text(message, 'Event-Name') === 'CHANNEL_DESTROY' && talking.get(owner) === callId) talking.delete(owner);
    }
  });
});

describe('conferences', () => {
  const happened = ofExchange(longPlay, 'conference').filter((message) => text(message, 'Event-Name') === 'event');
  const rooms = grouped(happened, (message) => text(message, 'Instance-ID'));

  test('all kinds of events come', () => {
    const names = happened.map((message) => text(message, 'Event'));
    expect(new Set(names)).toEqual(
      new Set([
        'conference-create',
        'add-member',
        'start-talking',
        'stop-talking',
        'mute-member',
        'unmute-member',
        'deaf-member',
        'undeaf-member',
        'lock',
        'unlock',
        'del-member',
        'conference-destroy',
      ]),
    );
  });

  test('a room opens with its first member and closes with its last', () => {
    expect(rooms.size).toBeGreaterThan(25);
    const unfinished = [...rooms.values()].filter((events) => {
      const names = events.map((message) => text(message, 'Event'));
      expect(names.slice(0, 2)).toEqual(['conference-create', 'add-member']);
      return names.at(-1) !== 'conference-destroy';
    });
    expect(unfinished.length).toBeLessThanOrEqual(accounts.length);
  });

  test('members join before they talk, fall silent before they leave, and are muted when they are', () => {
    for (const events of rooms.values()) {
      const members = new Map<string, { isTalking: boolean; isMuted: boolean; isDeaf: boolean }>();
      for (const message of events) {
        const event = text(message, 'Event');
        const callId = text(message, 'Call-ID');
        const member = members.get(callId);
        if (event === 'conference-create' || event === 'conference-destroy') {
          expect(members.size).toBe(0);
          continue;
        }
        if (event === 'lock' || event === 'unlock') continue;
        const allowed: Record<string, boolean> = {
          'add-member': member === undefined,
          'start-talking': member?.isTalking === false && !member.isMuted,
          'stop-talking': member?.isTalking === true,
          'mute-member': member?.isMuted === false && !member.isTalking,
          'unmute-member': member?.isMuted === true,
          'deaf-member': member?.isDeaf === false,
          'undeaf-member': member?.isDeaf === true,
          'del-member': member?.isTalking === false,
        };
        expect(allowed[event], event).toBe(true);
        const isOfEars = event.endsWith('deaf-member');
        const now = {
          isTalking: event === 'start-talking' || (isOfEars && member?.isTalking === true),
          isDeaf: event === 'deaf-member' || (event !== 'undeaf-member' && member?.isDeaf === true),
          isMuted: event === 'mute-member' || (event !== 'unmute-member' && member?.isMuted === true),
        };
        if (event === 'del-member') members.delete(callId);
        else members.set(callId, now);
        const said = message.payload['Conference-Channel-Vars'];
        expect(said).toMatchObject({ Talking: now.isTalking, Speak: !now.isMuted, Hear: !now.isDeaf });
      }
    }
  });

  test('each member is a channel that is answered before it joins and destroyed after it left', () => {
    const channels = channelsOf(longPlay);
    for (const message of happened.filter(({ payload }) => 'Call-ID' in payload)) {
      const events = channels.get(text(message, 'Call-ID')) ?? [];
      const at = (name: string) => events.find((event) => text(event, 'Event-Name') === name)?.at;
      expect(at('CHANNEL_ANSWER')).toBeLessThanOrEqual(message.at);
      expect(at('CHANNEL_DESTROY') ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(message.at);
    }
  });
});

describe('documents', () => {
  const messages = ofExchange(longPlay, 'configuration');
  const byId = grouped(messages, (message) => text(message, 'ID'));

  test('documents of every type come, and none carries its document', () => {
    const seen = new Set(messages.map((message) => `${text(message, 'Event-Name')} ${text(message, 'Type')}`));
    for (const type of ['user', 'device', 'callflow', 'media', 'mailbox_message']) {
      for (const action of ['doc_created', 'doc_edited', 'doc_deleted']) {
        if (type !== 'mailbox_message' || action !== 'doc_deleted') expect(seen).toContain(`${action} ${type}`);
      }
    }
    for (const kind of ['doc_created fax', 'doc_created call_recording', 'doc_edited vmbox', 'doc_edited account']) {
      expect(seen).toContain(kind);
    }
    expect(messages.filter(({ payload }) => 'Doc' in payload)).toEqual([]);
  });

  test('only what exists is edited or deleted, and its revision grows by one', () => {
    for (const events of byId.values()) {
      const names = events.map((message) => text(message, 'Event-Name'));
      expect(names.lastIndexOf('doc_created')).toBeLessThanOrEqual(0);
      if (names.includes('doc_deleted')) expect(names.indexOf('doc_deleted')).toBe(names.length - 1);
      const revisions = events.map((message) => Number.parseInt(text(message, 'Rev'), 10));
      const first = revisions[0] ?? 0;
      if (names[0] === 'doc_created') expect(first).toBe(1);
      expect(revisions).toEqual(revisions.map((_revision, index) => first + index));
      expect(new Set(events.map(({ payload }) => `${payload.Type} ${payload.Database}`)).size).toBe(1);
    }
  });

  test('telephones and people that make calls are never deleted', () => {
    const inUse = new Set(
      ofExchange(longPlay, 'callevt').flatMap((message) => Object.values(variables(message)) as string[]),
    );
    const deleted = messages.filter((message) => text(message, 'Event-Name') === 'doc_deleted');
    expect(deleted.filter((message) => inUse.has(text(message, 'ID')))).toEqual([]);
  });

  test('voicemail messages lie in the database of the month in which they were left', () => {
    const left = messages.filter((message) => text(message, 'Type') === 'mailbox_message');
    const months = new Set(left.map((message) => /-(\d{6})$/.exec(text(message, 'Database'))?.[1]));
    // The play begins half an hour before December.
    expect(months).toEqual(new Set(['202611', '202612']));
    for (const message of left) {
      const month = text(message, 'Database').slice(-6);
      expect(text(message, 'ID')).toMatch(new RegExp(`^${month}-[0-9a-f]{32}$`));
      expect(message.routingKey.split('.')[1]).toBe(text(message, 'Database'));
    }
  });
});
