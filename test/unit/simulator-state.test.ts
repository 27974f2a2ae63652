/** What the simulated PBX says that there is, and what its events come to: presence, lamps, missed calls, registrations. */
import { describe, expect, test } from 'vitest';
import type { PbxSnapshot } from '../../src/simulator/pbx.ts';
import {
  accounts,
  type Heard,
  hour,
  minute,
  ofExchange,
  play,
  second,
  startedAt,
  text,
} from '../support/simulated-pbx.ts';

const [first] = accounts;
const only = { accounts: accounts.slice(0, 1) };
const longPlay = play(hour, only);
const named = (messages: readonly Heard[], ...names: string[]) =>
  messages.filter((message) => names.includes(text(message, 'Event-Name')));

/** What somebody knows who has heard everything. */
class Listener {
  readonly channels = new Map<string, { isAnswered: boolean; isHeld: boolean; slot: string | undefined }>();
  readonly members = new Map<string, string>();
  readonly lamps = new Map<string, string>();
  readonly registered = new Map<string, number>();

  hear(message: Heard): void {
    if (message.exchange === 'callevt') this.#hearCall(message);
    if (message.exchange === 'conference') this.#hearConference(message);
    const name = text(message, 'Event-Name');
    if (name === 'mwi_update')
      this.lamps.set(
        text(message, 'To-User'),
        `${message.payload['Messages-New']} ${message.payload['Messages-Saved']}`,
      );
    if (name === 'reg_success')
      this.registered.set(text(message, 'Username'), startedAt + message.at + Number(message.payload.Expires) * second);
    if (name === 'deregister') this.registered.delete(text(message, 'Username'));
  }

  #hearCall(message: Heard): void {
    const callId = text(message, 'Call-ID');
    const name = text(message, 'Event-Name');
    if (name === 'CHANNEL_DESTROY') this.channels.delete(callId);
    const channel = this.channels.get(callId);
    if (name === 'CHANNEL_CREATE') this.channels.set(callId, { isAnswered: false, isHeld: false, slot: undefined });
    if (channel === undefined) return;
    if (name === 'CHANNEL_ANSWER') channel.isAnswered = true;
    if (name.endsWith('HOLD')) channel.isHeld = name === 'CHANNEL_HOLD';
    if (name === 'PARK_PARKED') channel.slot = text(message, 'Parking-Slot');
    if (name === 'PARK_RETRIEVED' || name === 'PARK_ABANDONED') channel.slot = undefined;
  }

  #hearConference(message: Heard): void {
    const event = text(message, 'Event');
    if (event === 'add-member') this.members.set(text(message, 'Call-ID'), text(message, 'Conference-ID'));
    if (event === 'del-member') this.members.delete(text(message, 'Call-ID'));
  }
}

/** The same of a snapshot. */
const channelsIn = ({ channels }: PbxSnapshot) =>
  channels.map(({ callId, answeredAt, isHeld, slot }) => [
    callId,
    { isAnswered: answeredAt !== undefined, isHeld, slot },
  ]);
const membersIn = ({ conferences }: PbxSnapshot) =>
  conferences.flatMap(({ id, members }) => members.map(({ callId }) => [callId, id]));
const lampsIn = ({ mailboxes }: PbxSnapshot) =>
  mailboxes
    .filter(({ fresh, saved }) => fresh + saved > 0)
    .map(({ extension, fresh, saved }) => [extension, `${fresh} ${saved}`]);

describe('the snapshot', () => {
  test('is what the events of channels, conferences, mailboxes and registrations come to, at any time', () => {
    const listener = new Listener();
    let looks = 0;
    play(30 * minute, only, (message, pbx) => {
      listener.hear(message);
      // The call's own event is the first of its moment, presence and notifications are behind it.
      if (message.exchange !== 'configuration' || message.payload.Type === 'mailbox_message') return;
      const [now] = pbx.snapshot();
      if (now === undefined) throw new Error('no account');
      looks += 1;
      expect(now.account).toEqual(first);
      expect(new Map(channelsIn(now) as [string, object][])).toEqual(listener.channels);
      expect(new Map(membersIn(now) as [string, string][])).toEqual(listener.members);
      expect(new Map(lampsIn(now) as [string, string][])).toEqual(
        new Map([...listener.lamps].filter(([, counts]) => counts !== '0 0')),
      );
      const known = now.registrations.filter(({ username }) => listener.registered.has(username));
      for (const { username, expiresAt } of known) expect(listener.registered.get(username)).toBe(expiresAt);
      expect(known.length).toBe(listener.registered.size);
    });
    expect(looks).toBeGreaterThan(100);
  });
});

describe('presence follows the calls', () => {
  const dialogs = named(ofExchange(longPlay, 'presence'), 'dialog_update');

  test('a telephone that rings, is on the phone and is free again is shown so, in this order', () => {
    const order = ['early', 'confirmed', 'terminated'];
    const byChannel = new Map<string, string[]>();
    for (const message of dialogs.filter((one) => text(one, 'App-Name') === 'ecallmgr')) {
      const states = byChannel.get(text(message, 'Call-ID')) ?? [];
      byChannel.set(text(message, 'Call-ID'), [...states, text(message, 'State')]);
    }
    expect(byChannel.size).toBeGreaterThan(300);
    for (const states of byChannel.values()) {
      expect(states).toEqual([...states].sort((one, other) => order.indexOf(one) - order.indexOf(other)));
    }
  });

  test('every channel of a telephone that ends is shown as idle, at the same moment', () => {
    const idle = new Set(
      dialogs.filter((one) => text(one, 'State') === 'terminated').map((one) => `${one.at} ${text(one, 'Call-ID')}`),
    );
    const ended = named(ofExchange(longPlay, 'callevt'), 'CHANNEL_DESTROY').filter(
      ({ payload }) => (payload['Custom-Channel-Vars'] as Record<string, unknown>)['Authorizing-Type'] === 'device',
    );
    expect(ended.length).toBeGreaterThan(300);
    expect(ended.filter((one) => !idle.has(`${one.at} ${text(one, 'Call-ID')}`))).toEqual([]);
  });

  test('a parking slot is lit while a call is parked in it', () => {
    const slots = dialogs.filter((one) => text(one, 'App-Name') === 'park');
    const calls = named(ofExchange(longPlay, 'callevt'), 'PARK_PARKED', 'PARK_RETRIEVED', 'PARK_ABANDONED');
    const lit = (one: Heard) => `${one.at} ${text(one, 'Call-ID')}`;
    expect(calls.length).toBeGreaterThan(50);
    expect(slots.map(lit).sort()).toEqual(calls.map(lit).sort());
  });

  test('nobody who wants to be left in peace is called', () => {
    const quiet = new Set<string>();
    let changes = 0;
    for (const message of longPlay) {
      const name = text(message, 'Event-Name');
      if (name === 'update') {
        changes += 1;
        if (text(message, 'State') === 'confirmed') quiet.add(text(message, 'From-User'));
        else quiet.delete(text(message, 'From-User'));
      }
      const isRinging = name === 'CHANNEL_CREATE' && text(message, 'Call-Direction') === 'outbound';
      if (isRinging) expect(quiet).not.toContain(text(message, 'Callee-ID-Number'));
    }
    expect(changes).toBeGreaterThan(50);
  });
});

describe('voicemail and missed calls', () => {
  const ended = new Map(named(longPlay, 'CHANNEL_DESTROY').map((one) => [text(one, 'Call-ID'), one]));
  const bridged = new Set(
    named(longPlay, 'CHANNEL_BRIDGE').flatMap((one) => [text(one, 'Call-ID'), text(one, 'Other-Leg-Call-ID')]),
  );

  test('a missed call is one that ended and was never bridged, and voicemail did not take it', () => {
    const missed = named(longPlay, 'missed_call');
    const taken = new Set(named(longPlay, 'voicemail_new').map((one) => text(one, 'Call-ID')));
    expect(missed.length).toBeGreaterThan(50);
    for (const message of missed) {
      const callId = text(message, 'Call-ID');
      expect(ended.get(callId)?.at).toBeLessThanOrEqual(message.at);
      expect(bridged.has(callId)).toBe(false);
      expect(taken.has(callId)).toBe(false);
    }
  });

  test('a new voicemail is a call that nobody answered, a document, a lamp and a notification', () => {
    const left = named(longPlay, 'voicemail_new');
    expect(left.length).toBeGreaterThan(10);
    for (const message of left) {
      const call = ended.get(text(message, 'Call-ID'));
      expect(call && text(call, 'Caller-ID-Number')).toBe(text(message, 'Caller-ID-Number'));
      expect(bridged.has(text(message, 'Call-ID'))).toBe(false);
      const together = longPlay.filter(({ at }) => at === message.at);
      expect(together.map((one) => text(one, 'ID'))).toContain(text(message, 'Voicemail-ID'));
      const lamp = named(together, 'mwi_update').find((one) => text(one, 'To-User') === text(message, 'To-User'));
      expect(lamp && text(lamp, 'Messages-Waiting')).toBe('yes');
    }
  });

  test('a lamp goes out with the last new message', () => {
    for (const lamp of named(longPlay, 'mwi_update')) {
      expect(text(lamp, 'Messages-Waiting')).toBe(lamp.payload['Messages-New'] === 0 ? 'no' : 'yes');
    }
    expect(named(longPlay, 'mwi_update').some((lamp) => text(lamp, 'Messages-Waiting') === 'no')).toBe(true);
  });
});

describe('registrations', () => {
  const told = ofExchange(longPlay, 'registrar');
  const lost = named(longPlay, 'deregister');

  test('a telephone registers again before its time is over; if it does not, that is told when it is over', () => {
    const until = new Map<string, number>();
    const losses = new Set(lost.map((one) => `${text(one, 'Username')} ${one.at}`));
    for (const message of told) {
      const username = text(message, 'Username');
      const good = until.get(username);
      if (good !== undefined && message.at > good) expect(losses).toContain(`${username} ${good}`);
      until.set(username, message.at + Number(message.payload.Expires) * second);
    }
    expect(until.size).toBeGreaterThanOrEqual(10);
  });

  test('now and then one is lost and comes back, which two notifications tell', () => {
    expect(lost.length).toBeGreaterThan(3);
    const back = named(longPlay, 'register');
    expect(lost.length - back.length).toBeLessThanOrEqual(2);
    for (const message of back) {
      const registration = told.find(
        (one) => one.at === message.at && text(one, 'Username') === text(message, 'Username'),
      );
      expect(registration?.payload['First-Registration']).toBe(true);
    }
  });

  test('a telephone that is not registered is not called', () => {
    const away = new Set<string>();
    for (const message of longPlay) {
      const name = text(message, 'Event-Name');
      if (name === 'deregister') away.add(text(message, 'Username'));
      if (name === 'register') away.delete(text(message, 'Username'));
      if (name !== 'CHANNEL_CREATE' || text(message, 'Call-Direction') !== 'outbound') continue;
      expect(away).not.toContain((message.payload['Custom-Channel-Vars'] as Record<string, unknown>).Username);
    }
  });
});
