/** Every message of the simulated PBX has the members of the one of its kind that a Kazoo was caught sending. */
import { describe, expect, test } from 'vitest';
import { pbxExchanges } from '../../src/simulator/pbx.ts';
import { kazooEvents, kazooMessage } from '../support/kazoo.ts';
import { type Heard, minute, play, playedHour, text } from '../support/simulated-pbx.ts';

type Payload = Readonly<Record<string, unknown>>;

/** What kind of message it is: those of one kind have the same members, as far as their calls do. */
function kindOf(exchange: string, payload: Payload): string {
  const name = String(payload['Event-Name']);
  switch (exchange) {
    case 'conference':
      return `conference ${payload.Event ?? payload['Application-Name']}`;
    case 'configuration':
      return `${name} ${payload.Type === 'database' ? 'database' : 'document'}`;
    case 'faxes':
      return `fax ${payload.Direction ?? name}`;
    case 'presence':
      // What a probe is answered, and what hangs on a call, are told by others, with other members.
      return `${name} of ${payload['App-Name']}${payload['From-Tag'] === undefined ? '' : ' with tags'}`;
    case 'registrar':
      return `${name} of ${payload['App-Name']}`;
    default:
      return name;
  }
}

const typeOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);

/** The members of several messages of one kind: which there are, of which types, and which are always there. */
interface Members {
  readonly types: Map<string, Set<string>>;
  readonly always: Set<string>;
  /** Names and types of the members of objects, by the object's name. */
  readonly inner: Map<string, Map<string, Set<string>>>;
}

const kinds = new Map<string, Members>();
/** Channel variables come and go with what happens to a call, so those of all kinds are looked at together. */
const variables = new Map<string, Set<string>>();

function note(types: Map<string, Set<string>>, payload: Payload): void {
  for (const [name, value] of Object.entries(payload)) {
    const known = types.get(name) ?? new Set();
    types.set(name, known.add(typeOf(value)));
  }
}

// A stranger's document of the cluster's own database, and what never reaches an account, are no models.
const unlike = ['object.doc_deleted.media.tts.json', 'object.doc_edited.user.unencoded-database.json'];
for (const event of kazooEvents.filter(({ file }) => !unlike.includes(file))) {
  const { exchange, payload } = kazooMessage(event);
  const kind = kindOf(exchange, payload);
  const names = Object.keys(payload);
  const members = kinds.get(kind) ?? { types: new Map(), always: new Set(names), inner: new Map() };
  kinds.set(kind, members);
  note(members.types, payload);
  for (const name of members.always) {
    // Those that were caught ending had all been joined to another; one that had a room or a mailbox to itself was not.
    const isOfOtherLeg = kind === 'CHANNEL_DESTROY' && name.startsWith('Other-Leg-');
    if (!names.includes(name) || isOfOtherLeg) members.always.delete(name);
  }
  for (const [name, value] of Object.entries(payload)) {
    if (typeOf(value) !== 'object') continue;
    const inner = name === 'Custom-Channel-Vars' ? variables : (members.inner.get(name) ?? new Map());
    members.inner.set(name, inner);
    note(inner, value as Payload);
  }
}

/** What is wrong with the members of an object; empty, if nothing is. */
function strangers(payload: Payload, types: ReadonlyMap<string, Set<string>>, prefix = ''): string[] {
  return Object.entries(payload).flatMap(([name, value]) => {
    const known = types.get(name);
    if (known === undefined) return [`${prefix}${name} is no member`];
    return known.has(typeOf(value)) ? [] : [`${prefix}${name} is ${typeOf(value)}, not ${[...known].join(' or ')}`];
  });
}

function faultsOf({ exchange, payload }: Heard): string[] {
  const kind = kindOf(exchange, payload);
  const members = kinds.get(kind);
  if (members === undefined) return [`${exchange}: no Kazoo was caught sending "${kind}"`];
  const missing = [...members.always].filter((name) => !(name in payload)).map((name) => `${name} is missing`);
  const inner = Object.entries(payload).flatMap(([name, value]) =>
    typeOf(value) === 'object' ? strangers(value as Payload, members.inner.get(name) ?? new Map(), `${name}.`) : [],
  );
  return [...missing, ...strangers(payload, members.types), ...inner].map((fault) => `${kind}: ${fault}`);
}

const longPlay = playedHour();

describe('every message of an hour', () => {
  test('has the names and the types of members that the captured one of its kind has', () => {
    expect([...new Set(longPlay.flatMap(faultsOf))]).toEqual([]);
  });

  test('goes to an exchange that Kazoo’s own of the kind went to, by a key of as many words', () => {
    const ways = new Set(
      kazooEvents.map((event) => {
        const { exchange, payload, routingKey } = kazooMessage(event);
        return `${kindOf(exchange, payload)}: ${exchange} ${shapeOf(routingKey)}`;
      }),
    );
    const others = longPlay
      .map(({ exchange, payload, routingKey }) => `${kindOf(exchange, payload)}: ${exchange} ${shapeOf(routingKey)}`)
      .filter((way) => !ways.has(way));
    expect([...new Set(others)]).toEqual([]);
  });

  test('comes from a program that Kazoo’s own came from', () => {
    // What was captured is of a cluster with one media node.
    const known = (program: string) => program.replace('@apps2.', '@apps1.');
    const programs = new Set(kazooEvents.map((event) => programOf(kazooMessage(event).payload)));
    expect(
      [...new Set(longPlay.map(({ payload }) => known(programOf(payload))))].filter((one) => !programs.has(one)),
    ).toEqual([]);
  });
});

/** The first word, which says what it is, and how many there are; and the monthly database, which has a month behind it. */
function shapeOf(routingKey: string): string {
  const words = routingKey.split('.');
  return `${words[0]} ${words.length} ${/-\d{6}\./.test(routingKey) ? 'monthly' : ''}`;
}

const programOf = (payload: Payload): string =>
  ['App-Name', 'App-Version', 'Node'].map((name) => String(payload[name])).join(' ');

test('all seven families are played within three minutes, for each account', () => {
  for (let seed = 1; seed <= 5; seed += 1) {
    const heard = play(3 * minute, { seed });
    for (const mark of ['4b31dd1d32ce6d249897c06332375d65', '8c0f5a2be91d4c7790d3ab7415e2f6aa']) {
      const realm = mark.startsWith('4b') ? 'harbour' : 'spa';
      const ofAccount = heard.filter((message) => {
        const whole = JSON.stringify(message.payload);
        return whole.includes(mark) || message.routingKey.includes(`.${realm}%2E`);
      });
      expect([...new Set(ofAccount.map(({ exchange }) => exchange))].sort(), `seed ${seed}`).toEqual([...pbxExchanges]);
    }
  }
});

test('within an hour every kind of message comes that the simulated PBX has', () => {
  const names = new Set(longPlay.map((message) => `${message.exchange} ${text(message, 'Event-Name')}`));
  for (const name of [
    'presence dialog_update',
    'presence update',
    'presence mwi_update',
    'registrar reg_success',
    'faxes status',
    'configuration doc_created',
    'configuration doc_edited',
    'configuration doc_deleted',
    'notifications missed_call',
    'notifications voicemail_new',
    'notifications voicemail_saved',
    'notifications voicemail_full',
    'notifications outbound_fax',
    'notifications register',
    'notifications deregister',
    'conference event',
    'conference command',
  ]) {
    expect([...names]).toContain(name);
  }
});
