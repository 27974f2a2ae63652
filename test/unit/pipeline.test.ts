import { expect, test } from 'vitest';
import { z } from 'zod';
import type { Action } from '../../src/actions/action.ts';
import { actions } from '../../src/actions/actions.ts';
import { SessionGuard } from '../../src/actions/guard.ts';
import { Pipeline } from '../../src/actions/pipeline.ts';
import { Accounts } from '../../src/auth/accounts.ts';
import { identityOf } from '../../src/auth/identity.ts';
import type { Bus } from '../../src/bus.ts';
import { Commands } from '../../src/commands/commands.ts';
import { classic } from '../../src/dialects/classic.ts';
import { createCatalogue } from '../../src/families/catalogue.ts';
import type { Log } from '../../src/log.ts';
import { Metrics } from '../../src/metrics.ts';
import { Queries } from '../../src/queries/queries.ts';
import { Binder } from '../../src/registry/binder.ts';
import { Plan } from '../../src/registry/plan.ts';
import { Registry } from '../../src/registry/registry.ts';
import { Subscriptions } from '../../src/registry/subscriptions.ts';
import { Resumption } from '../../src/replay/resumption.ts';
import { Session } from '../../src/session/session.ts';
import { silentLog } from '../support/silent-log.ts';
import { until } from '../support/until.ts';

interface Reply {
  readonly request_id: string;
  readonly status: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const bus: Pick<Bus, 'isUp' | 'bind' | 'unbind'> = {
  isUp: true,
  bind: async () => undefined,
  unbind: async () => undefined,
};

/** Nobody answers them. */
function createQueries(accounts: Accounts): Queries {
  return new Queries({
    asker: { ask: async () => ({ answers: [], partial: true }) },
    peers: { running: () => undefined },
    accounts,
    isUp: () => true,
    hasEnded: () => false,
    onContradiction: () => undefined,
  });
}

/** Nobody takes them. */
function createCommands(accounts: Accounts): Commands {
  const publish = async () => 'unroutable' as const;
  return new Commands({ accounts, publish, findChannel: async () => ({}), onCommand: () => undefined }, silentLog);
}

/** A socket whose messages go through the pipeline; a token is good for the account that it names. */
function createWorld(more: readonly Action[] = [], broker = bus, log = silentLog) {
  const accounts = new Accounts();
  const catalogue = createCatalogue(
    { callEvents: ['CHANNEL_CREATE'], documentTypes: ['user'], notifications: [] },
    accounts,
  );
  const names = catalogue.families.map(({ name }) => name);
  const registry = new Registry(
    new Subscriptions(),
    new Binder(broker, new Plan(catalogue.families, 100), names, silentLog),
  );
  const rate = { perSecond: 20, burst: 200 };
  const pipeline = new Pipeline(
    {
      registry,
      catalogue,
      accounts,
      authenticator: { identify: async (token) => identityOf({ account_id: token, scope: 'events' }, token) },
      queries: createQueries(accounts),
      commands: createCommands(accounts),
      guard: new SessionGuard(
        registry,
        catalogue,
        accounts,
        { authTimeoutMs: 60_000, maxSocketsPerAccount: 10 },
        silentLog,
      ),
      limits: { maxBindings: 250, maxBindingsPerAccount: 1000, rate, maxMessageBytes: 65_536 },
      resumption: new Resumption(undefined, catalogue, registry.subscriptions, accounts, new Metrics(false)),
    },
    log,
    [...actions, ...more],
  );
  const replies: Reply[] = [];
  const transport = {
    sendEvent: () => undefined,
    sendText: (text: string) => void replies.push(JSON.parse(text)),
    close: () => undefined,
    pauseReading: () => undefined,
    admit: () => undefined,
    owedBytes: 0,
  };
  const session = new Session(transport, classic, '192.0.2.1', rate);
  registry.sessions.add(session);
  return {
    replies,
    session,
    registry,
    send: (message: object) => pipeline.receive(session, Buffer.from(JSON.stringify(message))),
    answers: (count: number) => until(() => replies.length >= count, `${count} replies`),
  };
}

/** An action of the test's own, and the hand that lets it come to its end. */
function createQuestion(fields: Partial<Action<{ data: { of: string } }, { of: string }>> = {}) {
  const ends: (() => void)[] = [];
  const question: Action<{ data: { of: string } }, { of: string }> = {
    name: 'question',
    access: 'token',
    isConcurrent: true,
    message: z.object({ data: z.object({ of: z.string() }) }),
    reply: z.object({ of: z.string() }),
    async perform({ message }) {
      await new Promise<void>((resolve) => ends.push(resolve));
      return { of: message.data.of };
    },
    ...fields,
  };
  return { question, ends };
}

test('an action reads its own message, and a fault in it is named with its path', async () => {
  const { question, ends } = createQuestion();
  const { send, replies, answers } = createWorld([question]);
  send({ action: 'question', auth_token: 'acme', request_id: 'a', data: { of: 5 } });
  await answers(1);
  expect(replies[0]).toMatchObject({ request_id: 'a', status: 'error', data: { code: 'invalid_message' } });
  expect(JSON.stringify(replies[0]?.data.errors)).toContain('data.of');
  send({ action: 'question', request_id: 'b', data: { of: 'calls' } });
  await until(() => ends.length > 0, 'the question under way');
  ends[0]?.();
  await answers(2);
  expect(replies[1]).toMatchObject({ request_id: 'b', status: 'success', data: { of: 'calls' } });
});

test('who has no token learns that before the message is read', async () => {
  const { send, replies, answers } = createWorld([createQuestion().question]);
  send({ action: 'question', data: { of: 5 } });
  await answers(1);
  expect(replies[0]?.data.code).toBe('token_required');
});

test('an action’s scope is asked of the token', async () => {
  const { question } = createQuestion({ scope: 'commands' });
  const { send, replies, answers } = createWorld([question]);
  send({ action: 'question', auth_token: 'acme', data: { of: 'calls' } });
  await answers(1);
  expect(replies[0]?.data.code).toBe('scope_missing');
});

test('an action for anybody that wants to know who asks needs a token after all', async () => {
  const { question } = createQuestion({ access: 'anybody', perform: ({ identity }) => ({ of: identity.accountId }) });
  const { send, replies, answers } = createWorld([question]);
  send({ action: 'question', data: { of: 'me' } });
  send({ action: 'question', auth_token: 'acme', data: { of: 'me' } });
  await answers(2);
  expect(replies.map(({ data }) => data.code ?? data.of)).toEqual(['token_required', 'acme']);
});

test('messages behind a concurrent action don’t wait for it; those before it are done', async () => {
  const { question, ends } = createQuestion();
  const { send, replies, answers } = createWorld([question]);
  send({ action: 'subscribe', auth_token: 'acme', request_id: 1, data: { binding: 'call.*.*' } });
  send({ action: 'question', request_id: 2, data: { of: 'calls' } });
  send({ action: 'unsubscribe', request_id: 3, data: { binding: 'call.*.*' } });
  await answers(2);
  expect(replies.map(({ request_id }) => request_id)).toEqual([1, 3]);
  ends[0]?.();
  await answers(3);
  expect(replies[2]).toMatchObject({ request_id: 2, data: { of: 'calls' } });
});

test('messages behind another action wait for it', async () => {
  const { question, ends } = createQuestion({ isConcurrent: false });
  const { send, replies, answers } = createWorld([question]);
  send({ action: 'question', auth_token: 'acme', request_id: 1, data: { of: 'calls' } });
  send({ action: 'ping', request_id: 2 });
  await until(() => ends.length > 0, 'the question under way');
  expect(replies).toEqual([]);
  ends[0]?.();
  await answers(2);
  expect(replies.map(({ request_id }) => request_id)).toEqual([1, 2]);
});

test('more than sixteen concurrent ones of a socket wait for each other', async () => {
  const { question, ends } = createQuestion();
  const { send, replies, answers } = createWorld([question]);
  for (let id = 1; id <= 18; id += 1)
    send({ action: 'question', auth_token: 'acme', request_id: id, data: { of: 'x' } });
  await until(() => ends.length >= 17, 'sixteen beside each other, and one that holds up the others');
  await new Promise((resolve) => setImmediate(resolve));
  expect(ends).toHaveLength(17);
  for (const end of ends) end();
  await until(() => ends.length === 18, 'the last one');
  ends[17]?.();
  await answers(18);
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set(['success']));
});

test('a concurrent action that fails is answered, and keeps nothing', async () => {
  const { question } = createQuestion({ perform: () => Promise.reject(new Error('a fault of ours')) });
  const { send, replies, answers } = createWorld([question]);
  send({ action: 'question', auth_token: 'acme', request_id: 1, data: { of: 'x' } });
  send({ action: 'ping', request_id: 2 });
  await answers(2);
  expect(replies.map(({ data }) => data.code).filter(Boolean)).toEqual(['internal']);
});

test('a fault is logged once a minute of each action, however often a client brings it about', async () => {
  const fails = async (): Promise<never> => Promise.reject(new Error('a fault of ours'));
  const logged: object[] = [];
  const log = { ...silentLog, error: (fields: object) => void logged.push(fields) } as unknown as Log;
  const { question } = createQuestion({ perform: fails });
  const other = { ...question, name: 'other', isConcurrent: false };
  const { send, replies, answers } = createWorld([question, other], bus, log);
  const messages = ['question', 'question', 'other', 'question', 'other', 'question'];
  for (const action of messages) send({ action, auth_token: 'acme', data: { of: 'x' } });
  await answers(messages.length);
  expect(new Set(replies.map(({ data }) => data.code))).toEqual(new Set(['internal']));
  expect(logged).toEqual(
    ['question', 'other'].map((action) => ({ err: expect.any(Error), action, alsoSinceLastReport: 0 })),
  );
});

test('a socket that ended gets no late reply', async () => {
  const { question, ends } = createQuestion();
  const { send, session, replies } = createWorld([question]);
  send({ action: 'question', auth_token: 'acme', data: { of: 'x' } });
  await until(() => ends.length > 0, 'the question under way');
  session.end();
  ends[0]?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(replies).toEqual([]);
});

test('a subscription that ends while the broker is asked about the message that renews it is made anew', async () => {
  const confirm: (() => void)[] = [];
  const slow = { ...bus, bind: () => new Promise<undefined>((resolve) => confirm.push(() => resolve(undefined))) };
  const { send, replies, answers, session, registry } = createWorld([], slow);
  const once = { binding: 'call.CHANNEL_CREATE.*', once: true };
  send({ action: 'subscribe', auth_token: 'acme', data: once });
  await until(() => confirm.length === 1, 'the first pattern');
  confirm[0]?.();
  await answers(1);
  const bindings = ['call.CHANNEL_CREATE.*', 'fax.status.*'];
  send({ action: 'subscribe', request_id: 'again', data: { bindings, once: true } });
  await until(() => confirm.length > 1, 'the patterns of the next message');
  const [first] = session.subscriptions;
  if (first !== undefined) registry.subscriptions.onSpent(first);
  expect(replies[1]).toMatchObject({ notice: 'subscription_ended' });
  await until(() => {
    for (const resolve of confirm.splice(0)) resolve();
    return replies.length === 3;
  }, 'the reply');
  const data = { subscribed: bindings.toReversed(), subscriptions: bindings.toReversed() };
  expect(replies[2]).toMatchObject({ request_id: 'again', status: 'success', data });
  for (const subscription of [...session.subscriptions]) registry.unsubscribe(subscription);
  expect([...registry.subscriptions.topics()]).toEqual([]);
});

test('to subscribe again to what is held leaves nothing behind when it ends', async () => {
  const { send, answers, session, registry } = createWorld();
  const data = { binding: 'call.CHANNEL_CREATE.*', expires: 60 };
  for (const count of [1, 2, 3]) {
    send({ action: 'subscribe', auth_token: 'acme', data });
    await answers(count);
  }
  expect(session.subscriptions).toHaveLength(1);
  for (const subscription of [...session.subscriptions]) registry.unsubscribe(subscription);
  expect([...registry.subscriptions.topics()]).toEqual([]);
});
