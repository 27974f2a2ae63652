/** What the client library's types tell an editor, and what they refuse. The compiler is the test; it runs with the others' types. */
import { expect, expectTypeOf, test } from 'vitest';
import type { WebSocket } from 'ws';
import type { DataOf, FamilyOf, NameOf } from '../../src/client/payloads.ts';
import type { ConnectOptions, Horizon, HorizonEvent, SocketConstructor } from '../../src/client/types.ts';

test('a binding tells the family, the names and the members of its events; what is not known is unknown', () => {
  expectTypeOf<FamilyOf<'call.*.*'>>().toEqualTypeOf<'call'>();
  expectTypeOf<FamilyOf<'doc_created.*.user.*'>>().toEqualTypeOf<'object'>();
  expectTypeOf<FamilyOf<'fax.object.doc_created'>>().toEqualTypeOf<'object'>();
  expectTypeOf<FamilyOf<'fax.status.*'>>().toEqualTypeOf<'fax'>();
  expectTypeOf<FamilyOf<'orders.paid.*'>>().toEqualTypeOf<string>();
  expectTypeOf<NameOf<'call.CHANNEL_CREATE.*'>>().toEqualTypeOf<'CHANNEL_CREATE'>();
  expectTypeOf<DataOf<'call.*.*'>['caller_id_name']>().toEqualTypeOf<string | undefined>();
  expectTypeOf<DataOf<'call.*.*'>['something']>().toEqualTypeOf<unknown>();
  expectTypeOf<DataOf<'orders.paid.*'>['total']>().toEqualTypeOf<unknown>();
  expectTypeOf<HorizonEvent['data']['anything']>().toEqualTypeOf<unknown>();
  expectTypeOf<HorizonEvent<'call.*.*' | 'fax.status.*'>['family']>().toEqualTypeOf<'call' | 'fax'>();
});

test('what is given to it is checked: options, events, listeners, questions', () => {
  const use = (horizon: Horizon): void => {
    const stop = horizon.subscribe(['call.*.*', 'presence.dialog.*'], ({ family, data }) => {
      expectTypeOf(family).toEqualTypeOf<'call' | 'presence'>();
      expectTypeOf(data.presence_id).toEqualTypeOf<string | undefined>();
    });
    expectTypeOf(stop).toBeCallableWith();
    expectTypeOf(stop.ready).toEqualTypeOf<Promise<void>>();
    horizon.addEventListener('gap', ({ accounts }) => expectTypeOf(accounts).toEqualTypeOf<readonly string[]>());
    horizon.addEventListener('error', ({ error }) => expectTypeOf(error.code).toEqualTypeOf<string>());
    // @ts-expect-error there is no such event
    horizon.addEventListener('message', () => undefined);
    // @ts-expect-error nor such a question
    void horizon.query('weather');
    // @ts-expect-error a condition has one of three members
    horizon.subscribe('call.*.*', () => undefined, { filter: { a: { suffix: 'x' } } });
    expectTypeOf(horizon.query('channel'))
      .resolves.toHaveProperty('result')
      .toEqualTypeOf<Readonly<Record<string, unknown>> | null>();
  };
  expect(use).toBeTypeOf('function');
  expectTypeOf<typeof WebSocket>().toExtend<SocketConstructor>();
  expectTypeOf<typeof globalThis.WebSocket>().toExtend<SocketConstructor>();
  expectTypeOf<{ url: string; token: () => Promise<string> }>().toExtend<ConnectOptions>();
});
