import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { SessionGuard } from '../../src/actions/guard.ts';
import { Accounts } from '../../src/auth/accounts.ts';
import { createAuthenticator } from '../../src/auth/authenticator.ts';
import { createCrossbarAuthenticator } from '../../src/auth/crossbar.ts';
import type { Authenticator, Identity } from '../../src/auth/identity.ts';
import { makeToken } from '../../src/auth/token.ts';
import type { Bus } from '../../src/bus.ts';
import { readConfig } from '../../src/config.ts';
import { classic } from '../../src/dialects/classic.ts';
import { ActionError } from '../../src/errors.ts';
import { createCatalogue } from '../../src/families/catalogue.ts';
import { Binder } from '../../src/registry/binder.ts';
import { Plan } from '../../src/registry/plan.ts';
import { Registry } from '../../src/registry/registry.ts';
import { Subscriptions } from '../../src/registry/subscriptions.ts';
import { Session } from '../../src/session/session.ts';
import { answerJson, type Neighbour, startNeighbour } from '../support/rest.ts';
import { silentLog } from '../support/silent-log.ts';

interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly header: string | string[] | undefined;
  readonly body: string;
}

interface Crossbar extends Neighbour {
  readonly asked: Asked[];
  status: number;
  answer: unknown;
  /** An old one knows tokeninfo by GET alone. */
  isOld: boolean;
}

/** A Crossbar that knows every token as one of the account `acme`, until it is told otherwise. */
async function startCrossbar(): Promise<Crossbar> {
  const crossbar = {
    asked: [] as Asked[],
    status: 200,
    answer: { data: { account_id: 'acme', owner_id: 'me' }, status: 'success' } as unknown,
    isOld: false,
  };
  const neighbour = await startNeighbour((request, body, response) => {
    const { method, url, headers } = request;
    crossbar.asked.push({ method, url, header: headers['x-auth-token'], body });
    if (crossbar.isOld && method === 'POST') answerJson(response, 405, {});
    else answerJson(response, crossbar.status, crossbar.answer);
  });
  return Object.assign(crossbar, neighbour);
}

async function outcome(authenticator: Authenticator, token: string): Promise<string> {
  return authenticator.identify(token).then(
    ({ accountId }) => accountId,
    (error: unknown) => {
      if (!(error instanceof ActionError)) throw error;
      expect(error.message).not.toContain(token);
      return `${error.code}: ${error.message}`;
    },
  );
}

const token = 'a token of the Crossbar';
const now = () => Math.floor(Date.now() / 1000);

describe('AUTH_CROSSBAR_URL', () => {
  test('asks /v2/auth/tokeninfo, with the token in body and header and not in the address', async () => {
    const crossbar = await startCrossbar();
    const identity = await createCrossbarAuthenticator(`${crossbar.address}/`).identify(token);
    expect(identity).toMatchObject({ accountId: 'acme', ownerId: 'me', superduperAdmin: false, families: undefined });
    expect(identity.expiresAt).toBe(Number.POSITIVE_INFINITY);
    expect(crossbar.asked).toEqual([
      { method: 'POST', url: '/v2/auth/tokeninfo', header: token, body: JSON.stringify({ data: { token } }) },
    ]);
  });

  test('an old Crossbar, which knows only GET, is asked in its way, and from then on at once', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const crossbar = await startCrossbar();
    crossbar.isOld = true;
    const authenticator = createCrossbarAuthenticator(crossbar.address);
    const methods = () => crossbar.asked.splice(0).map(({ method }) => method);
    expect(await outcome(authenticator, token)).toBe('acme');
    expect(crossbar.asked[1]?.url).toBe(`/v2/auth/tokeninfo?token=${encodeURIComponent(token)}`);
    expect(methods()).toEqual(['POST', 'GET']);
    expect(await outcome(authenticator, token)).toBe('acme');
    expect(methods()).toEqual(['GET']);
    crossbar.isOld = false;
    vi.advanceTimersByTime(3_600_000);
    expect(await outcome(authenticator, token)).toBe('acme');
    expect(methods()).toEqual(['POST']);
  });

  test('one that is away for a moment is not taken for an old one', async () => {
    const crossbar = await startCrossbar();
    const authenticator = createCrossbarAuthenticator(crossbar.address);
    crossbar.status = 404;
    expect(await outcome(authenticator, token)).toMatch(/^source_unavailable: /);
    crossbar.status = 200;
    crossbar.asked.length = 0;
    expect(await outcome(authenticator, token)).toBe('acme');
    expect(crossbar.asked.map(({ method }) => method)).toEqual(['POST']);
  });

  test.each([
    ['refuses it', 401, { status: 'error' }],
    ['forbids it', 403, {}],
    ['names no account', 200, { data: {} }],
    ['answers with something else', 200, ['acme']],
  ])('a token is invalid when the Crossbar %s', async (_title, status, answer) => {
    const crossbar = Object.assign(await startCrossbar(), { status, answer });
    const refusal = await outcome(createCrossbarAuthenticator(crossbar.address), token);
    expect(refusal).toMatch(/^token_invalid: failed to authenticate token/);
  });

  test('a Crossbar that is down, broken or overloaded says nothing about the token', async () => {
    const crossbar = await startCrossbar();
    const authenticator = createCrossbarAuthenticator(crossbar.address);
    for (const status of [500, 503, 404, 429, 408]) {
      crossbar.status = status;
      expect(await outcome(authenticator, token)).toMatch(/^source_unavailable: /);
    }
    await crossbar.stop();
    expect(await outcome(authenticator, token)).toMatch(/^source_unavailable: /);
  });

  test('what it says of the end counts, and else what the token says itself', async () => {
    const crossbar = await startCrossbar();
    const authenticator = createCrossbarAuthenticator(crossbar.address);
    const jwt = await makeToken('the secret of the Crossbar', { account_id: 'acme' }, 60);
    expect((await authenticator.identify(jwt)).expiresAt).toBeLessThanOrEqual((now() + 60) * 1000);
    crossbar.answer = { data: { account_id: 'acme', exp: now() + 30 } };
    expect((await authenticator.identify(jwt)).expiresAt).toBeLessThanOrEqual((now() + 30) * 1000);
    crossbar.answer = { data: { account_id: 'acme', exp: now() - 1 } };
    expect(await outcome(authenticator, jwt)).toMatch(/^token_expired: failed to authenticate token/);
  });

  test('is asked only about tokens that are no JWT of ours', async () => {
    const crossbar = await startCrossbar();
    const secret = 'our own';
    const authenticator = createAuthenticator(
      readConfig({ AMQP_URL: 'amqp://a', AUTH_JWT_SECRET: secret, AUTH_CROSSBAR_URL: crossbar.address }),
    );
    expect(await outcome(authenticator, await makeToken(secret, { account_id: 'ours' }, 60))).toBe('ours');
    expect(await outcome(authenticator, await makeToken(secret, { account_id: 'ours' }, -60))).toMatch(
      /^token_expired/,
    );
    expect(crossbar.asked).toEqual([]);
    expect(await outcome(authenticator, await makeToken('not ours', { account_id: 'x' }, 60))).toBe('acme');
    expect(await outcome(authenticator, token)).toBe('acme');
    expect(crossbar.asked).toHaveLength(2);
  });

  test('a token of over 16 KiB is refused unread', async () => {
    const crossbar = await startCrossbar();
    const authenticator = createAuthenticator(
      readConfig({ AMQP_URL: 'amqp://a', AUTH_CROSSBAR_URL: crossbar.address }),
    );
    expect(await outcome(authenticator, 'x'.repeat(16_385))).toMatch(/^token_invalid: /);
    expect(crossbar.asked).toEqual([]);
  });

  test.each(['secret\n', 'sec\u0000ret', 'se\u0101cret', 'secr\u007fet'])(
    'and so is %j, which no header can carry',
    async (text) => {
      const crossbar = await startCrossbar();
      const authenticator = createAuthenticator(
        readConfig({ AMQP_URL: 'amqp://a', AUTH_CROSSBAR_URL: crossbar.address }),
      );
      expect(await outcome(authenticator, text)).toMatch(/^token_invalid: failed to authenticate token: /);
      expect(crossbar.asked).toEqual([]);
    },
  );
});

describe('a socket that lives on a token of the Crossbar', () => {
  const minute = 60_000;

  /**
   * A session that was authenticated by the Crossbar, and the guard over it.
   * @param minutes how long the Crossbar says at first that the token lives; it says nothing of it later
   */
  async function startSession(minutes?: number) {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const crossbar = await startCrossbar();
    const { answer } = crossbar;
    if (minutes !== undefined)
      crossbar.answer = { data: { account_id: 'acme', exp: Date.now() / 1000 + minutes * 60 } };
    const accounts = new Accounts();
    const catalogue = createCatalogue(
      { callEvents: ['CHANNEL_CREATE'], documentTypes: ['user'], notifications: [] },
      accounts,
    );
    const binder = new Binder(idleBus, new Plan(catalogue.families, 100), ['call', 'object'], silentLog);
    const registry = new Registry(new Subscriptions(), binder);
    const guard = new SessionGuard(
      registry,
      catalogue,
      accounts,
      { authTimeoutMs: minute, maxSocketsPerAccount: 10 },
      silentLog,
    );
    const texts: string[] = [];
    const authenticator = createCrossbarAuthenticator(crossbar.address);
    const transport = {
      sendEvent: () => undefined,
      sendText: (text: string) => texts.push(text),
      close: () => undefined,
      pauseReading: () => undefined,
      admit: () => undefined,
      owedBytes: 0,
    };

    const renewals: Promise<unknown>[] = [];
    /** The same identity, whose renewals can be waited for. */
    const watched = (identity: Identity): Identity => ({
      ...identity,
      renew() {
        const renewal = (identity.renew?.() ?? Promise.reject(new Error('it can not be renewed'))).then(watched);
        renewals.push(renewal);
        return renewal;
      },
    });

    async function open(shown = token): Promise<Session> {
      const session = new Session(transport, classic, '127.0.0.1', { perSecond: 1, burst: 1 });
      registry.sessions.add(session);
      guard.accept(session, watched(await authenticator.identify(shown)));
      return session;
    }
    const session = await open();
    crossbar.answer = answer;

    /** Goes on so many minutes, and lets what began then come to its end. @returns how often the Crossbar was asked */
    async function pass(minutes: number): Promise<number> {
      const before = crossbar.asked.length;
      vi.advanceTimersByTime(minutes * minute);
      guard.tick(Date.now());
      guard.tick(Date.now());
      await Promise.allSettled(renewals);
      // What hangs on a renewal that is settled is done before the next turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      return crossbar.asked.length - before;
    }
    return { crossbar, registry, catalogue, guard, session, texts, open, pass };
  }

  const idleBus: Bus = {
    isUp: true,
    start: () => undefined,
    bind: async () => undefined,
    unbind: async () => undefined,
    settle: () => undefined,
    stop: async () => undefined,
  };

  test('it is asked again every five minutes, less up to half a minute that is the token’s own, once', async () => {
    const { session, pass } = await startSession();
    for (let times = 0; times < 2; times += 1) {
      expect(await pass(4.5)).toBe(0);
      expect(await pass(0.5)).toBe(1);
    }
    expect(session.hasValidToken(Date.now())).toBe(true);
  });

  test('tokens that came together are not asked about together', async () => {
    const { open, pass } = await startSession();
    for (let other = 1; other < 20; other += 1) await open(`another token ${other}`);
    const early = await pass(4.75);
    expect(early).toBeGreaterThan(0);
    expect(early).toBeLessThan(20);
    expect(early + (await pass(0.25))).toBe(20);
  });

  test('it is asked once about a token that several sockets live on', async () => {
    const { open, pass } = await startSession();
    const others = [await open(), await open()];
    expect(await pass(5)).toBe(1);
    for (const other of others) expect(other.hasValidToken(Date.now())).toBe(true);
    expect(await pass(4.5)).toBe(0);
  });

  test('a token that was revoked is worth nothing from then on; the socket is told and stays', async () => {
    const { crossbar, session, texts, pass } = await startSession();
    crossbar.status = 401;
    await pass(5);
    expect(session.hasValidToken(Date.now())).toBe(false);
    expect(texts.map((text) => JSON.parse(text))).toEqual([
      expect.objectContaining({ status: 'error', data: expect.objectContaining({ code: 'token_invalid' }) }),
    ]);
    expect(session.isEnded).toBe(false);
  });

  test('its subscriptions are suspended then, and a fresh token brings them back', async () => {
    const { crossbar, registry, catalogue, guard, session, pass } = await startSession();
    const binding = 'call.CHANNEL_CREATE.*';
    const interest = registry.hold('acme', binding, () => catalogue.parse(binding, 'acme'));
    registry.subscribe(session, interest, undefined);
    crossbar.status = 401;
    await pass(5);
    expect(session.deliverUntil).toBe(0);
    expect(session.bindingTexts()).toEqual([binding]);
    crossbar.status = 200;
    guard.accept(session, await createCrossbarAuthenticator(crossbar.address).identify('a fresh one'));
    expect(session.hasValidToken(Date.now())).toBe(true);
    expect(session.bindingTexts()).toEqual([binding]);
  });

  test.each([
    ['refuses it', 401],
    ['vouches for it', 200],
  ])(
    'who was told that the token has ended is not told again, nor is it brought back, when the Crossbar %s late',
    async (_name, status) => {
      const { crossbar, session, guard, texts, pass } = await startSession(6);
      crossbar.status = status;
      const asked = pass(5);
      // While the Crossbar is asked the token comes to its end.
      vi.advanceTimersByTime(minute);
      guard.tick(Date.now());
      expect(await asked).toBe(1);
      expect(texts).toHaveLength(1);
      expect(session.hasValidToken(Date.now())).toBe(false);
    },
  );

  test('a Crossbar that is down takes nothing away, and is asked again half a minute later', async () => {
    const { crossbar, session, texts, pass } = await startSession();
    crossbar.status = 503;
    expect(await pass(5)).toBe(1);
    expect(session.hasValidToken(Date.now())).toBe(true);
    expect(await pass(0.4)).toBe(0);
    crossbar.status = 200;
    expect(await pass(0.1)).toBe(1);
    expect(await pass(4.5)).toBe(0);
    expect(texts).toEqual([]);
  });

  test('a token whose account has become another one is worth nothing', async () => {
    const { crossbar, session, pass } = await startSession();
    crossbar.answer = { data: { account_id: 'another' } };
    await pass(5);
    expect(session.hasValidToken(Date.now())).toBe(false);
    expect(session.identity?.accountId).toBe('acme');
  });
});
