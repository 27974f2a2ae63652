/** Families by configuration: the form and its faults, what is bound, who gets what, and who doesn't. */
import { describe, expect, test } from 'vitest';
import { describeFamily, parseFamilies } from '../../src/families/families-file.ts';
import { createCarrier, type PlanKind } from '../support/carrier.ts';
import { definitions, documentedFamilies, family } from '../support/families.ts';

const plans: readonly PlanKind[] = ['fine', 'coarse'];

function faultsOf(...families: readonly unknown[]): readonly string[] {
  const outcome = parseFamilies(JSON.stringify(families));
  return 'faults' in outcome ? outcome.faults : [];
}

function carrierOf(
  families: readonly object[],
  plan: PlanKind = 'fine',
  accounts: { id: string; realm: string }[] = [],
) {
  return createCarrier({ accounts, plan, settings: { families: definitions(...families) } });
}

const order = (state: string, account: string, id: string, body: unknown = { tenant: { id: account } }) => ({
  exchange: 'shop',
  routingKey: `order.${state}.${account}.${id}`,
  body: Buffer.from(JSON.stringify(body)),
});

describe('the form', () => {
  test('the example of the document is in order', () => {
    const outcome = parseFamilies(documentedFamilies());
    expect(outcome).toMatchObject({ definitions: [{ name: 'orders' }] });
    if ('definitions' in outcome) {
      expect(outcome.definitions.map(describeFamily)).toEqual([
        "orders: order.{STATE}.{ACCOUNT}.{ID} on shop (topic); bindings orders.{STATE}.{ID}; the account is the payload's tenant.id and the key's {ACCOUNT}",
      ]);
    }
  });

  test.each<[string, Readonly<Record<string, unknown>>, string]>([
    ['a name', { name: 'Orders' }, '0.name: must be 1 to 32 characters of a-z, 0-9 and _'],
    ['a long name', { name: 'x'.repeat(33) }, '0.name: must be'],
    ['an exchange', { exchange: 'my shop' }, '0.exchange: must be the name of an exchange, without blanks'],
    ['our own exchange', { exchange: 'targeted' }, "0.exchange: carries the nodes' own conversation and no events"],
    ['another type', { exchange_type: 'headers' }, '0.exchange_type: must be topic or fanout'],
    ['a direct exchange', { exchange_type: 'direct' }, '0.exchange_type: must be topic or fanout'],
    ['a wildcard', { routing_key: 'order.*.{ID}' }, '0.routing_key: must be words with dots between them'],
    ['half a place', { routing_key: 'order.x{ID}' }, '0.routing_key: must be words'],
    ['an empty word', { routing_key: 'order..{ID}' }, '0.routing_key: must be words'],
    ['a place twice', { routing_key: 'order.{ID}.{ID}' }, '0.routing_key: must be words'],
    ['a long key', { routing_key: `order.${'x'.repeat(250)}` }, '0.routing_key: must have at most 255 bytes'],
    ['a place without a key', { binding: 'orders.{COLOUR}' }, '0.binding: {COLOUR} is no place of routing_key'],
    ['no root', { binding: '{STATE}.{ID}' }, '0.binding: must begin with a word of its own'],
    ["a built-in's root", { binding: 'call.{STATE}.{ID}' }, '0.binding: call is the root of the family call'],
    ['a documents root', { binding: 'doc_edited.{ID}' }, '0.binding: doc_edited is the root of the family object'],
    ['values of no place', { values: { COLOUR: ['red'] } }, '0.values.COLOUR: is no place of routing_key'],
    ['no values', { values: { STATE: [] } }, '0.values.STATE: Too small'],
    ['dots in values', { values: { STATE: ['a.b'] } }, '0.values.STATE.0: must be 1 to 128 characters'],
    ['a star among values', { values: { STATE: ['*'] } }, '0.values.STATE.0: must be 1 to 128 characters'],
    [
      'too many values',
      { values: { STATE: Array.from({ length: 101 }, (_, n) => `s${n}`) } },
      '0.values.STATE: Too big',
    ],
    [
      'too many combinations',
      {
        values: {
          STATE: Array.from({ length: 50 }, (_, n) => `s${n}`),
          ID: Array.from({ length: 50 }, (_, n) => `i${n}`),
        },
      },
      "0.values: the values of the binding's places can be combined in more than 1000 ways",
    ],
    ['an account in no place', { account: { key: 'TENANT' } }, '0.account.key: TENANT is no place of routing_key'],
    ['a realm in no place', { account: { realm: 'REALM' } }, '0.account.realm: REALM is no place of routing_key'],
    ['a path', { account: { payload: 'tenant..id' } }, '0.account.payload: must be a path in the payload'],
    ['another account', { account: 'everybody' }, '0.account: Invalid input'],
    ['a member of account', { account: { header: 'x' } }, '0.account: Unrecognized key: "header"'],
    ['a place in a name', { event_name: 'order_{COLOUR}' }, '0.event_name: {COLOUR} is no place of routing_key'],
    ['a member', { routingkey: 'x' }, '0: Unrecognized key: "routingkey"'],
    [
      'dots of no place',
      { routing_key: 'order.{STATE}.{ACCOUNT}.{ID}.end', last_value_has_dots: true },
      '0.last_value_has_dots: the last word of routing_key is no place',
    ],
  ])('%s that is no good is told by its place', (_what, members, sentence) => {
    const faults = faultsOf(family(members));
    expect(faults.length).toBeGreaterThan(0);
    expect(faults[0]).toContain(sentence);
  });

  test('what is no list, or no JSON', () => {
    expect(parseFamilies('{')).toEqual({ faults: ['it is not valid JSON'] });
    expect(parseFamilies('{}')).toMatchObject({ faults: [expect.stringMatching(/^the file: /)] });
    expect(faultsOf(3)).toEqual([expect.stringMatching(/^0: /)]);
    expect(faultsOf({})).toHaveLength(4);
  });

  test('names and roots are one family’s', () => {
    expect(faultsOf(family(), family({ binding: 'others.{ID}' }))).toEqual(['1.name: orders is there twice']);
    expect(faultsOf(family(), family({ name: 'others' }))).toEqual([
      '1.binding: orders is the root of the family orders',
    ]);
  });

  test('a family of the file may have the root of the one that it replaces, and of no other', () => {
    const fax = { name: 'fax', binding: 'fax.{STATE}.{ID}' };
    expect(faultsOf(family(fax))).toEqual([]);
    expect(faultsOf(family({ ...fax, binding: 'presence.{ID}' }))).toEqual([
      '0.binding: presence is the root of the family presence',
    ]);
    expect(faultsOf(family({ name: 'others', binding: 'fax.{ID}' }), family({ name: 'fax' }))).toEqual([]);
  });

  test('at most 50 families and 20 exchanges', () => {
    const many = (count: number, exchanges: number) =>
      Array.from({ length: count }, (_, n) =>
        family({ name: `f${n}`, binding: `root${n}.{ID}`, exchange: `shop${n % exchanges}` }),
      );
    expect(faultsOf(...many(50, 20))).toEqual([]);
    expect(faultsOf(...many(51, 20))).toEqual(['the file: must have at most 50 families']);
    expect(faultsOf(...many(50, 21))).toEqual(['the file: must have at most 20 exchanges']);
  });
});

describe('what is bound', () => {
  const patterns = (members: Readonly<Record<string, unknown>>, binding: string, account = 'acme') =>
    carrierOf([family(members)]).patternsOf(binding, account);

  test('the account’s word where the key has it', () => {
    expect(patterns({}, 'orders.paid.*')).toEqual(['shop order.paid.acme.*']);
    expect(patterns({}, 'orders.*.4711')).toEqual(['shop order.*.acme.*']);
    expect(patterns({}, 'orders.*.*', '*')).toEqual(['shop order.*.*.*']);
  });

  test('else each listed value that is asked for, and never an id', () => {
    const members = { routing_key: 'order.{STATE}.{ID}', account: { payload: 'tenant.id' } };
    expect(patterns(members, 'orders.*.4711')).toEqual(
      ['created', 'paid', 'shipped'].map((state) => `shop order.${state}.*`),
    );
    expect(patterns(members, 'orders.paid.4711')).toEqual(['shop order.paid.*']);
  });

  test('a # at the end where the last value may have dots; one pattern where everything comes anyway', () => {
    expect(patterns({ last_value_has_dots: true }, 'orders.paid.*')).toEqual(['shop order.paid.acme.#']);
    expect(patterns({ exchange_type: 'fanout' }, 'orders.paid.*')).toEqual(['shop order.*.*.*']);
  });
});

describe('an event', () => {
  test.each(plans)('is called and told as the definition says: %s patterns', (plan) => {
    const carrier = carrierOf([family({ event_name: 'order_{STATE}' })], plan);
    const [kazoo4, classic] = [
      carrier.subscribe('acme', ['orders.*.4711']),
      carrier.subscribe('acme', ['orders.*.*', 'orders.paid.*'], 'classic'),
    ];
    carrier.publish(order('paid', 'acme', '4711', { tenant: { id: 'acme' }, total: 12 }));
    expect(kazoo4.events).toEqual([
      {
        action: 'event',
        subscribed_key: 'orders.*.4711',
        subscription_key: 'orders.acme.paid.4711',
        name: 'order_paid',
        routing_key: 'order.paid.acme.4711',
        account_id: 'acme',
        data: { tenant: { id: 'acme' }, total: 12 },
      },
    ]);
    expect(classic.texts).toEqual(['{"name":"order_paid","args":{"tenant":{"id":"acme"},"total":12}}']);
  });

  test('without event_name it is called by its body, else by the first words of its key', () => {
    const carrier = carrierOf([family()]);
    const own = carrier.subscribe('acme', ['orders.*.*']);
    carrier.publish(order('paid', 'acme', '1', { tenant: { id: 'acme' }, 'Event-Name': '{STATE}' }));
    carrier.publish(order('paid', 'acme', '2'));
    expect(own.events.map(({ name }) => name)).toEqual(['{STATE}', 'order']);
  });

  test('values are compared encoded or plain; what has other values or another form is none', () => {
    const carrier = carrierOf([family()]);
    const binding = (id: string) => carrier.subscribe('acme', [`orders.paid.${id}`]);
    const [plain, encoded, other] = [binding('a/b.c'), binding('a%2Fb%2Ec'), binding('a/b')];
    for (const id of ['a%2Fb%2Ec', 'a/b%2Ec']) carrier.publish(order('paid', 'acme', id));
    carrier.publish(order('lost', 'acme', 'a%2Fb%2Ec'));
    carrier.publish(order('paid', 'acme', 'a.b'));
    carrier.publish({ ...order('paid', 'acme', '1'), routingKey: 'offer.paid.acme.1' });
    expect([plain, encoded, other].map(({ events }) => events.length)).toEqual([2, 2, 0]);
  });

  test('listed values are written encoded or plain, too', () => {
    const carrier = carrierOf([family({ values: { STATE: ['paid/cash', 'paid'] } })]);
    const receivers = ['paid/cash', 'paid%2Fcash', 'paid', '*'].map((state) =>
      carrier.subscribe('acme', [`orders.${state}.*`]),
    );
    carrier.publish(order('paid%2Fcash', 'acme', '1'));
    expect(receivers.map(({ events }) => events.length)).toEqual([1, 1, 0, 1]);
    expect(carrier.patternsOf('orders.paid/cash.*', 'acme')).toEqual(['shop order.paid%2Fcash.acme.*']);
  });

  test('last_value_has_dots: several words are one value', () => {
    const carrier = carrierOf([family({ last_value_has_dots: true })]);
    const [whole, part, any] = ['a.b.c', 'a.b', '*'].map((id) => carrier.subscribe('acme', [`orders.paid.${id}`]));
    carrier.publish(order('paid', 'acme', 'a.b.c'));
    expect([whole, part, any].map((receiver) => receiver?.events.length)).toEqual([1, 0, 1]);
  });

  test('bindings of another form or with other values are refused', () => {
    const { subscribe } = carrierOf([family()]);
    const refusal = (binding: string) => {
      try {
        subscribe('acme', [binding]);
      } catch (error) {
        return error instanceof Error && 'code' in error ? [error.code, error.message] : error;
      }
      return undefined;
    };
    expect(refusal('orders.lost.*')).toEqual(['binding_unsupported', 'event lost not supported']);
    expect(refusal('orders.paid')).toEqual(['binding_invalid', 'invalid format for orders subscription : orders.paid']);
    expect(refusal('orders.paid.a.*')).toEqual([
      'binding_invalid',
      'invalid format for orders subscription : orders.paid.a.*',
    ]);
    expect(refusal('orders.paid.#')).toMatchObject(['binding_invalid', expect.stringContaining('#')]);
    expect(refusal(`orders.paid.${'x'.repeat(250)}`)).toMatchObject([
      'binding_invalid',
      expect.stringContaining('255'),
    ]);
    expect(refusal('orders.*.a.b')).toBeUndefined();
  });
});

describe.each(plans)('nobody gets what is another’s: %s patterns', (plan) => {
  /** Who of acme, evil and `*` gets an event, by account rule. */
  function receivers(
    account: unknown,
    message: ReturnType<typeof order>,
    more: Readonly<Record<string, unknown>> = {},
  ) {
    const accounts = [
      { id: 'acme', realm: 'acme.example.com' },
      { id: 'evil', realm: 'evil.example.com' },
    ];
    const carrier = carrierOf([family({ account, ...more })], plan, accounts);
    const each = ['acme', 'evil', '*'].map((id) => [id, carrier.subscribe(id, ['orders.*.*'])] as const);
    carrier.publish(message);
    return each.filter(([, { events }]) => events.length > 0).map(([id]) => id);
  }
  const both = { payload: 'tenant.id', key: 'ACCOUNT' };

  test('where key and body agree it is the account’s', () => {
    expect(receivers(both, order('paid', 'acme', '1'))).toEqual(['acme', '*']);
    expect(receivers(both, order('paid', 'acme', '1', {}))).toEqual(['acme', '*']);
    expect(receivers(both, order('paid', 'acme', '1', { tenant: { id: null } }))).toEqual(['acme', '*']);
    expect(receivers(both, order('paid', 'acme', '1', { Tenant: { ID: 'acme' } }))).toEqual(['acme', '*']);
  });

  test.each<[string, unknown]>([
    ['another account', { tenant: { id: 'evil' } }],
    ['a list', { tenant: { id: ['acme'] } }],
    ['an object', { tenant: { id: { acme: true } } }],
    ['true', { tenant: { id: true } }],
    ['a fraction', { tenant: { id: 1.5 } }],
    ['two spellings', { tenant: { id: 'acme', ID: 'evil' } }],
    ['two tenants', { tenant: { id: 'acme' }, Tenant: { id: 'evil' } }],
    ['another case', { tenant: { id: 'ACME' } }],
    ['a wildcard', { tenant: { id: '*' } }],
    ['a blank behind', { tenant: { id: 'acme ' } }],
  ])('a body that says %s, while the key says acme, is nobody’s', (_what, body) => {
    expect(receivers(both, order('paid', 'acme', '1', body))).toEqual([]);
  });

  test('members that objects have by nature, and those of texts and lists, are no account', () => {
    for (const path of ['constructor.name', '__proto__.id', 'tenant.length', 'tenant.constructor.name']) {
      expect(receivers({ payload: path }, order('paid', 'acme', '1', { tenant: 'acme' })), path).toEqual(['*']);
    }
    const own = Buffer.from('{"__proto__":{"id":"acme"}}');
    expect(receivers({ payload: '__proto__.id' }, { ...order('paid', 'x', '1'), body: own })).toEqual(['acme', '*']);
  });

  test('a wildcard in the key, an unknown account or none is for administrators alone', () => {
    expect(receivers(both, order('paid', '*', '1', {}))).toEqual(['*']);
    expect(receivers(both, order('paid', '%2A', '1', {}))).toEqual(['*']);
    expect(receivers(both, order('paid', 'nobody', '1', {}))).toEqual(['*']);
    expect(receivers({}, order('paid', 'acme', '1'))).toEqual(['*']);
    expect(receivers(undefined, order('paid', 'acme', '1'))).toEqual(['*']);
  });

  test('by the body alone, in lists and as numbers', () => {
    const rule = { payload: 'parties[1].account' };
    const body = { parties: [{ account: 'evil' }, { account: 'acme' }] };
    expect(receivers(rule, order('paid', 'evil', '1', body))).toEqual(['acme', '*']);
    expect(receivers(rule, order('paid', 'acme', '1', { parties: {} }))).toEqual(['*']);
    const carrier = carrierOf([family({ account: { payload: 'tenant.id' } })], plan);
    const own = carrier.subscribe('42', ['orders.*.*']);
    carrier.publish(order('paid', 'x', '1', { tenant: { id: 42 } }));
    expect(own.events).toMatchObject([{ account_id: '42' }]);
  });

  test('by the realm in the key, in any case', () => {
    const more = { routing_key: 'order.{STATE}.{REALM}.{ID}' };
    const rule = { realm: 'REALM' };
    expect(receivers(rule, order('paid', 'acme%2Eexample%2Ecom', '1', {}), more)).toEqual(['acme', '*']);
    expect(receivers(rule, order('paid', 'ACME%2EExample%2Ecom', '1', {}), more)).toEqual(['acme', '*']);
    expect(receivers(rule, order('paid', 'other%2Eexample%2Ecom', '1', {}), more)).toEqual(['*']);
    const carrier = carrierOf([family({ account: rule, ...more })], plan);
    expect(() => carrier.subscribe('acme', ['orders.*.*'])).toThrow(/realm/);
  });

  test('"shared" is for every account that asks, and says so of itself alone', () => {
    expect(receivers('shared', order('paid', 'whoever', '1', {}))).toEqual(['acme', 'evil', '*']);
    const carrier = carrierOf([family({ account: 'shared' })], plan);
    const [acme, narrow] = [carrier.subscribe('acme', ['orders.*.*']), carrier.subscribe('evil', ['orders.created.*'])];
    const calls = carrier.subscribe('acme', ['call.*.*']);
    carrier.publish(order('paid', 'whoever', '1', {}));
    expect(acme.events).toMatchObject([{ account_id: 'acme', subscription_key: 'orders.acme.paid.*' }]);
    expect([narrow.events, calls.events]).toEqual([[], []]);
  });
});

describe('families that share an exchange', () => {
  const refunds = family({
    name: 'refunds',
    binding: 'refunds.{ID}',
    routing_key: 'order.{KIND}.{ACCOUNT}.{ID}',
    values: { KIND: ['refunded'] },
  });
  const rest = family({
    name: 'rest',
    binding: 'rest.{KIND}.{ID}',
    routing_key: 'order.{KIND}.{ACCOUNT}.{ID}',
    values: {},
  });

  test.each(plans)('an event is that of the first whose key fits: %s patterns', (plan) => {
    const carrier = carrierOf([family(), refunds, rest], plan);
    const each = ['orders.*.*', 'refunds.*', 'rest.*.*'].map((binding) => carrier.subscribe('acme', [binding]));
    for (const state of ['paid', 'refunded', 'lost']) carrier.publish(order(state, 'acme', '1'));
    expect(each.map(({ events }) => events.map(({ routing_key }) => routing_key))).toEqual([
      ['order.paid.acme.1'],
      ['order.refunded.acme.1'],
      ['order.lost.acme.1'],
    ]);
  });

  test('a contradiction of the first is not the next one’s event', () => {
    const open = family({ name: 'open', binding: 'open.{ID}', account: { payload: 'other' }, values: {} });
    const carrier = carrierOf([family(), { ...open, routing_key: 'order.{STATE}.{ACCOUNT}.{ID}' }]);
    const receivers = ['acme', 'evil', '*'].map((id) => carrier.subscribe(id, ['open.*']));
    carrier.publish(order('paid', 'acme', '1', { tenant: { id: 'evil' }, other: 'evil' }));
    expect(receivers.map(({ events }) => events.length)).toEqual([0, 0, 0]);
    expect(carrier.drops).toEqual(['contradiction']);
  });

  test('with one of Kazoo’s: that one comes first, and its secrets are nobody’s under any name', () => {
    const alerts = {
      name: 'alerts',
      exchange: 'notifications',
      routing_key: 'notifications.{CATEGORY}.{NAME}',
      binding: 'alerts.{CATEGORY}.{NAME}',
      account: 'shared',
    };
    const publish = (carrier: ReturnType<typeof carrierOf>) => {
      const everybody = carrier.subscribe('*', ['alerts.*.*']);
      for (const key of ['user.new', 'user.password_recovery', 'port.comment', 'voicemail.new']) {
        carrier.publish({ exchange: 'notifications', routingKey: `notifications.${key}`, body: Buffer.from('{}') });
      }
      const body = Buffer.from('{"Event-Name":"new_user","Password":"p"}');
      carrier.publish({ exchange: 'notifications', routingKey: 'notifications.x.y', body });
      return everybody.events.map(({ routing_key }) => routing_key);
    };
    expect(publish(carrierOf([alerts]))).toEqual(['notifications.port.comment']);
    const replaced = { ...alerts, name: 'notifications' };
    expect(publish(carrierOf([replaced]))).toEqual(['notifications.port.comment', 'notifications.voicemail.new']);
  });
});

test('a family of the name of Kazoo’s stands in its place', () => {
  const calls = family({ name: 'call', binding: 'call.{STATE}.{ID}' });
  const carrier = carrierOf([calls]);
  const own = carrier.subscribe('acme', ['call.paid.*']);
  expect(() => carrier.subscribe('acme', ['call.CHANNEL_CREATE.*'])).toThrow('event CHANNEL_CREATE not supported');
  carrier.publish(order('paid', 'acme', '1'));
  expect(own.events).toHaveLength(1);
});
