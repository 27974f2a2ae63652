/** Rules of the families that hold for any publisher: how bindings are read, whose an event is, and what is nobody's. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { kazoo4 } from '../../src/dialects/kazoo4.ts';
import { conferenceFamily } from '../../src/families/conference.ts';
import { ConferenceMemory } from '../../src/families/conference-memory.ts';
import { createCarrier } from '../support/carrier.ts';
import {
  type BusMessage,
  callEvent,
  conferenceEvent,
  databaseOf,
  documentEvent,
  faxStatus,
  messageWaiting,
  notification,
  presenceDialog,
  registration,
  withFields,
} from '../support/events.ts';

const account = '4b31dd1d32ce6d249897c06332375d65';
const other = '00000000000000000000000000000001';
const accounts = [
  { id: account, realm: 'Acme.Example.com' },
  { id: other, realm: 'other.example.com' },
];

const wire = ({ exchange, routingKey, body }: BusMessage) => ({
  exchange,
  routingKey,
  body: Buffer.from(JSON.stringify(body)),
});

/** How many frames a binding of the account brings, with fine and with coarse patterns. */
function frames(binding: string, event: BusMessage, ofAccount = account): number[] {
  return (['fine', 'coarse'] as const).map((plan) => {
    const carrier = createCarrier({ accounts, plan });
    const receiver = carrier.subscribe(ofAccount, [binding]);
    carrier.publish(wire(event));
    return receiver.events.length;
  });
}

describe('call ids', () => {
  const call = (callId: string, word: string) => ({
    ...callEvent(account, 'CHANNEL_CREATE', callId),
    routingKey: `call.CHANNEL_CREATE.${word}`,
  });

  test.each([
    ['plain', 'a1.b2@192.0.2.10', call('a1.b2@192.0.2.10', 'a1%2Eb2%40192%2E0%2E2%2E10')],
    ['encoded', 'a1%2Eb2%40192%2E0%2E2%2E10', call('a1.b2@192.0.2.10', 'a1%2Eb2%40192%2E0%2E2%2E10')],
    ['encoded in lower case', 'a1%2eb2', call('a1.b2', 'a1%2Eb2')],
    ['plain, though it could be encoded', 'a+b', call('a+b', 'a%2Bb')],
    ['encoded, though it could be plain', 'a+b', call('a b', 'a+b')],
    ['plain with a percent sign', 'x%2Ey', call('x%2Ey', 'x%252Ey')],
    ['of a publisher that encodes in the payload, too', 'a1.b2', call('a1%2Eb2', 'a1%2Eb2')],
    ['of a payload without one', 'a1.b2', withFields(call('', 'a1%2Eb2'), { 'Call-ID': undefined })],
  ])('%s: %s', (_how, id, event) => {
    expect(frames(`call.CHANNEL_CREATE.${id}`, event)).toEqual([1, 1]);
    expect(frames(`call.CHANNEL_CREATE.${id}x`, event)).toEqual([0, 0]);
  });

  test('the payload’s counts, and not the one that the call was originated with', () => {
    const event = call('known-to-clients', 'c2c-1%40acme');
    expect(frames('call.*.known-to-clients', event)).toEqual([1, 1]);
    expect(frames('call.*.c2c-1@acme', event)).toEqual([0, 0]);
    expect(frames('call.*.c2c-1%40acme', event)).toEqual([0, 0]);
  });
});

describe('conference ids', () => {
  const dotted = {
    ...conferenceEvent(account, 'lock', 'sales.room 7', 'c1'),
    routingKey: `conference.event.lock.${account}.sales.room 7.c1`,
  };

  test.each([
    'conference.event.sales%2Eroom+7',
    'conference.event.lock.sales%2Eroom+7.c1',
    'conference.event.*.*.c1',
    'conference.event.*',
  ])('are not encoded on the bus, and may have dots: %s', (binding) => {
    expect(frames(binding, dotted)).toEqual([1, 1]);
  });

  test.each(['conference.event.sales', 'conference.event.room 7', 'conference.event.*.sales.*'])(
    'are whole words to a binding: %s',
    (binding) => {
      expect(frames(binding, dotted)).toEqual([0, 0]);
    },
  );

  test.each([
    ['conference.event.7001.*.lock', [1, 1]],
    ['conference.event.7001.*.*', [1, 1]],
    ['conference.event.7001.c.1.lock', [1, 1]],
    ['conference.event.7001.c%2E1.lock', [1, 1]],
    ['conference.event.7001.*.unlock', [0, 0]],
    ['conference.event.7002.*.lock', [0, 0]],
    ['conference.event.7001.c.2.lock', [0, 0]],
  ])('Kazoo 4.3 has the event behind the call: %s', (binding, count) => {
    expect(frames(binding, conferenceEvent(account, 'lock', '7001', 'c%2E1'))).toEqual(count);
  });

  test('a call id that ends like an event is still a call id', () => {
    const event = conferenceEvent(account, 'add-member', '7001', 'c%2Elock');
    expect(frames('conference.event.7001.c.lock', event)).toEqual([1, 1]);
  });
});

describe('a conference’s command', () => {
  const command: BusMessage = {
    exchange: 'conference',
    routingKey: 'conference.command.7001',
    body: { 'Event-Category': 'conference', 'Event-Name': 'command', 'Application-Name': 'mute_participant' },
  };

  /** What each account's subscription to commands gets, and that of all accounts. */
  function commandsAfter(...before: readonly BusMessage[]) {
    const carrier = createCarrier({ accounts });
    const receivers = [account, other, '*'].map((id) => carrier.subscribe(id, ['conference.command.*']));
    for (const event of before) carrier.publish(wire(event));
    carrier.publish(wire(command));
    return receivers.map(({ events }) => events.map(({ account_id }) => account_id));
  }

  test('goes to the account that the conference was last seen in', () => {
    expect(commandsAfter(conferenceEvent(account))).toEqual([[account], [], [account]]);
    expect(commandsAfter(conferenceEvent(account, 'lock', '7002'), conferenceEvent(other))).toEqual([
      [],
      [other],
      [other],
    ]);
  });

  test('is for administrators alone where the conference was not seen, or in two accounts', () => {
    expect(commandsAfter()).toEqual([[], [], ['*']]);
    expect(commandsAfter(conferenceEvent(account, 'lock', '7002'))).toEqual([[], [], ['*']]);
    expect(commandsAfter(conferenceEvent(account), conferenceEvent(other))).toEqual([[], [], ['*']]);
    const again = [conferenceEvent(account), conferenceEvent(other), conferenceEvent(account)];
    expect(commandsAfter(...again)).toEqual([[], [], ['*']]);
  });

  test('that names its account is that account’s', () => {
    const named = withFields(command, { 'Account-ID': other });
    const carrier = createCarrier({ accounts });
    const [own, theirs] = [account, other].map((id) => carrier.subscribe(id, ['conference.command.7001']));
    for (const event of [conferenceEvent(account), named]) carrier.publish(wire(event));
    expect([own?.events.length, theirs?.events.length]).toEqual([0, 1]);
  });

  test('an event that contradicts itself tells nothing of a conference', () => {
    const lie = withFields(conferenceEvent(account), { 'Account-ID': other });
    expect(commandsAfter(lie)).toEqual([[], [], ['*']]);
  });

  test('an event that is read again tells nothing of where its conference is now', () => {
    const { read } = conferenceFamily(() => 0);
    const { routingKey, body } = conferenceEvent(account);
    read(routingKey, body, true);
    expect(read(command.routingKey, command.body)).toMatchObject({ account: undefined });
    read(routingKey, body);
    expect(read(command.routingKey, command.body)).toMatchObject({ account });
  });

  test('after an hour without events its conference is nobody’s any more, and two accounts’ is one’s again', () => {
    let now = 0;
    const memory = new ConferenceMemory(() => now);
    memory.see('7001', account);
    now += 3_599_999;
    expect(memory.accountOf('7001')).toBe(account);
    memory.see('7001', account);
    memory.see('7001', other);
    expect(memory.accountOf('7001')).toBeUndefined();
    now += 1000;
    memory.see('7001', other);
    expect(memory.accountOf('7001')).toBeUndefined();
    now += 3_599_000;
    expect(memory.accountOf('7001')).toBe(other);
    now += 3_600_000;
    expect(memory.accountOf('7001')).toBeUndefined();
  });

  test('ten thousand conferences are remembered, the latest', () => {
    const memory = new ConferenceMemory(() => 0);
    memory.see('first', account);
    memory.see('second', account);
    memory.see('first', account);
    for (let n = 0; n < 9999; n += 1) memory.see(`more-${n}`, account);
    expect(['first', 'second', 'more-9998'].map((id) => memory.accountOf(id))).toEqual([account, undefined, account]);
  });
});

test.each([
  ['presence.dialog.*', presenceDialog],
  ['presence.mwi_updates.*', messageWaiting],
  ['registration.success.*', (realm: string) => registration(undefined, realm)],
])('%s: realms are found whatever their case', (binding, eventIn) => {
  for (const realm of ['acme.example.com', 'ACME.example.com', 'Acme.Example.com']) {
    expect(frames(binding, eventIn(realm)), realm).toEqual([1, 1]);
  }
  expect(frames(binding, eventIn('other.example.com'))).toEqual([0, 0]);
});

describe('a registration of Kamailio’s', () => {
  const kamailio = (vars: object) =>
    withFields(registration(undefined, 'nowhere.example.com'), { 'Custom-Channel-Vars': vars });

  test('has its account among the custom channel variables', () => {
    expect(frames('registration.success.*', kamailio({ 'Account-ID': account }))).toEqual([1, 1]);
    expect(frames('registration.success.*', kamailio({ 'Account-ID': other }))).toEqual([0, 0]);
    expect(frames('registration.success.*', kamailio({}), '*')).toEqual([1, 1]);
  });

  test('is nobody’s where its account is not the one whose realm it is', () => {
    const lie = withFields(registration(undefined, 'other.example.com'), {
      'Custom-Channel-Vars': { 'Account-ID': account },
    });
    for (const each of [account, other, '*']) expect(frames('registration.success.*', lie, each)).toEqual([0, 0]);
  });
});

describe('a document’s database', () => {
  const named = (Database: string) => withFields(documentEvent(account), { 'Account-ID': undefined, Database });

  test.each([databaseOf(account), decodeURIComponent(databaseOf(account))])('may stand as %s', (database) => {
    expect(frames('object.doc_edited.user', named(database))).toEqual([1, 1]);
  });

  test.each([databaseOf(other), decodeURIComponent(databaseOf(other)), encodeURIComponent(databaseOf(account))])(
    'is nobody’s as %s',
    (database) => {
      for (const each of [account, other, '*']) {
        expect(frames('object.doc_edited.user', named(database), each)).toEqual([0, 0]);
      }
    },
  );
});

describe('faxes of Kazoo before 4.1', () => {
  test('come by the exchange of that time', () => {
    expect(frames('fax.status.*', { ...faxStatus(account), exchange: 'fax' })).toEqual([1, 1]);
  });

  test('what else that fanout carries is no event', () => {
    const job = { ...faxStatus(account), exchange: 'fax', routingKey: 'fax.start.job.1' };
    expect(frames('fax.status.*', job, '*')).toEqual([0, 0]);
  });
});

describe('notifications', () => {
  const carrier = (plan: 'fine' | 'coarse', names?: string[]) =>
    createCarrier({ accounts, plan, settings: names === undefined ? {} : { notifications: names } });

  test.each(['user.new', 'user.password_recovery', 'port.comment', 'sip.*x', 'user.*', '*.password_recovery'])(
    '%s can’t be subscribed to',
    (name) => {
      expect(() => carrier('fine').subscribe('*', [`notifications.${name}`])).toThrow(`event ${name} not supported`);
    },
  );

  test.each(['fine', 'coarse'] as const)('that are not listed reach nobody: %s patterns', (plan) => {
    for (const [category, name] of [
      ['user', 'new'],
      ['user', 'password_recovery'],
      ['port', 'comment'],
    ] as const) {
      const world = carrier(plan);
      const receivers = [account, '*'].map((id) => world.subscribe(id, ['notifications.*.*']));
      world.publish(wire(notification(account, category, name)));
      for (const { events } of receivers) expect(events).toEqual([]);
    }
  });

  test('what carries a password reaches nobody under any name, were it listed', () => {
    const world = carrier('fine', ['user.new', 'port.comment']);
    const everybody = world.subscribe('*', ['notifications.*.*']);
    for (const event of [
      withFields(notification(account, 'user', 'new'), { 'Event-Name': 'new_user' }),
      withFields(notification(account, 'port', 'comment'), { 'Event-Name': 'password_recovery' }),
      withFields(notification(account, 'port', 'comment'), { Password: 's3cret' }),
      withFields(notification(account, 'port', 'comment'), { 'Password-Reset-Link': 'https://ui.example.com' }),
    ]) {
      world.publish(wire(event));
    }
    expect(everybody.events).toEqual([]);
    world.publish(wire(notification(account, 'port', 'comment')));
    expect(everybody.events).toHaveLength(1);
  });

  test('the subscription’s key is of the event’s kind', () => {
    const world = carrier('fine');
    const own = world.subscribe(account, ['notifications.*.*', 'notifications.voicemail.*']);
    world.publish(wire(notification(account, 'voicemail', 'new')));
    expect(own.events.map(({ subscription_key }) => subscription_key)).toEqual([
      'notifications.voicemail.new',
      'notifications.voicemail.new',
    ]);
  });
});

test('kazoo4 remembers the names of members up to 64 characters, so that invented ones are not kept', () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const event = { account, words: [], name: 'x', eventName: 'x', routingKey: 'x', family: 'call' } as const;
  const binding = { text: 'x', account, includesSubaccounts: false, subscriptionKey: () => 'x' };
  const heapAfter = (count: number): number => {
    for (let n = 0; n < count; n += 1) {
      const name = `${'X-'.repeat(50_000)}${n}`;
      kazoo4.render({ event, payload: { [name]: 1 }, body: Buffer.alloc(0) }).message(binding);
    }
    // V8's own notes of member names go with the second.
    collectGarbage();
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const before = heapAfter(5);
  // 200 names of 100 kB, were each kept as it came and as it goes, would be 40 MB.
  expect(heapAfter(200) - before).toBeLessThan(10_000_000);
});
