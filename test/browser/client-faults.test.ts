/**
 * The client library while things go wrong for real, in Node and in Chromium: a server that dies, lines that are cut or
 * fall silent, tokens that end, a laptop that sleeps. What it has handed out over all of it is what was published, once
 * each, in its order.
 */
import { describe, expect, test, vi } from 'vitest';
import type { GapEvent, HorizonEvent, HorizonState } from '../../src/client/types.ts';
import { secret, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { type Cable, layCable } from '../support/cable.ts';
import { callEvent, publish } from '../support/events.ts';
import { openHorizon } from '../support/horizon.ts';
import { type Environment, type StartedServer, startServer } from '../support/process.ts';
import { showWhenWaitFails, until } from '../support/until.ts';
import { openPage, useBrowser } from './browser.ts';

useBrowser();

const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
const longMs = 60_000;

/** A client that holds `call.*.*`, with a handler that always throws beside the one that notes. */
interface Listener {
  /** The calls that it was told of, in order. */
  calls(): Promise<string[]>;
  state(): Promise<HorizonState>;
  reason(): Promise<string | undefined>;
  gaps(): Promise<string[]>;
  /** Eight hours go by in which nothing of it runs. */
  sleep?(): Promise<void>;
}

type Open = (cable: Cable, token: () => Promise<string>) => Promise<Listener>;

const openInNode: Open = async (cable, token) => {
  // Where such errors go in Node.
  vi.spyOn(console, 'error').mockReturnValue();
  const { horizon, events, gaps } = openHorizon(cable, { token });
  horizon.subscribe('call.*.*', () => {
    throw new Error('a handler that throws');
  });
  await horizon.subscribe('call.*.*', (event) => events.push(event)).ready;
  return {
    calls: async () => events.map(({ data }) => String(data.call_id)),
    state: async () => horizon.state,
    reason: async () => horizon.status.reason,
    gaps: async () => gaps.map(({ reason }) => reason),
  };
};

interface Page {
  EventHorizon: typeof import('../../src/client/client.ts');
  horizon: { state: HorizonState; status: { reason?: string } };
  calls: string[];
  gaps: string[];
  getToken(): Promise<string>;
}

const openInChromium: Open = async (cable, token) => {
  const page = await openPage(cable, { ownClock: true, expected: [/net::ERR_|WebSocket|a handler that throws/] });
  await page.exposeFunction('getToken', token);
  // As a page has it that doesn't import anything.
  await page.addScriptTag({ type: 'module', url: '/client.js' });
  await page.evaluate(async () => {
    const own = window as unknown as Page;
    const [calls, gaps]: [string[], string[]] = [[], []];
    const horizon = own.EventHorizon.connect({ url: '/', token: () => own.getToken() });
    horizon.addEventListener('gap', ({ reason }: GapEvent) => gaps.push(reason));
    horizon.subscribe('call.*.*', () => {
      throw new Error('a handler that throws');
    });
    Object.assign(window, { horizon, calls, gaps });
    await horizon.subscribe('call.*.*', ({ data }: HorizonEvent<'call.*.*'>) => calls.push(String(data.call_id))).ready;
  });
  return {
    calls: () => page.evaluate(() => (window as unknown as Page).calls),
    state: () => page.evaluate(() => (window as unknown as Page).horizon.state),
    reason: () => page.evaluate(() => (window as unknown as Page).horizon.status.reason),
    gaps: () => page.evaluate(() => (window as unknown as Page).gaps),
    sleep: () => page.clock.fastForward('08:00:00'),
  };
};

class World {
  readonly published: string[] = [];
  tokenCalls = 0;
  /** Of the tokens that are made from now on. */
  tokenSeconds = 3600;
  /** How many calls of the token's function fail, from now on. */
  tokenFailures = 0;
  listener!: Listener;

  private constructor(
    readonly broker: Broker,
    readonly cable: Cable,
    public server: StartedServer,
    private readonly settings: Environment,
  ) {}

  static async start(open: Open, own: Environment = {}): Promise<World> {
    const broker = await useBroker();
    const settings = { AMQP_URL: broker.url, AUTH_JWT_SECRET: secret, HISTORY: 'stream', DRAIN_SECONDS: '1', ...own };
    const server = await startServer(settings);
    const cable = await layCable(Number(new URL(server.address).port));
    const world = new World(broker, cable, server, settings);
    world.listener = await open(cable, () => world.#token());
    return world;
  }

  async #token(): Promise<string> {
    this.tokenCalls += 1;
    if (this.tokenFailures > 0) {
      this.tokenFailures -= 1;
      throw new Error('no token for you');
    }
    return tokenFor(account, {}, this.tokenSeconds);
  }

  async publish(count: number): Promise<void> {
    for (let number = 0; number < count; number += 1) {
      const id = String(this.published.length);
      this.published.push(id);
      await publish(this.broker, callEvent(account, 'CHANNEL_CREATE', id));
    }
  }

  /** Another server in the place of the one that is gone. */
  async replaceServer(): Promise<void> {
    this.server = await startServer(this.settings);
    this.cable.restore(Number(new URL(this.server.address).port));
  }

  async untilState(...states: HorizonState[]): Promise<void> {
    await until(async () => states.includes(await this.listener.state()), `the state ${states.join(' or ')}`);
  }

  /** All that was published, once each. */
  async expectAll(): Promise<void> {
    showWhenWaitFails(async () => `published ${this.published}, got ${await this.listener.calls()}`);
    await until(async () => (await this.listener.calls()).length >= this.published.length, 'all events');
    expect(await this.listener.calls()).toEqual(this.published);
    expect(await this.listener.state()).toBe('open');
  }
}

describe.each([
  ['Node', openInNode],
  ['Chromium', openInChromium],
] as const)('%s', (_where, open) => {
  test('the node is killed, and another one takes its place', { timeout: longMs }, async () => {
    const world = await World.start(open);
    await world.publish(10);
    await world.server.process.insist('SIGKILL');
    await world.publish(20);
    await world.untilState('waiting', 'connecting');
    await world.replaceServer();
    await world.publish(10);
    await world.expectAll();
    expect(await world.listener.gaps()).toEqual([]);
  });

  test('the node restarts, and says when to come back', { timeout: longMs }, async () => {
    const world = await World.start(open);
    await world.publish(10);
    world.server.process.signal('SIGTERM');
    await world.untilState('waiting', 'connecting');
    expect(await world.listener.reason()).toMatch(/restarting \(1012\)|no connection/);
    await world.publish(10);
    await world.server.process.ended();
    await world.replaceServer();
    await world.expectAll();
  });

  test('the line is cut without a close frame, again and again', { timeout: longMs }, async () => {
    const world = await World.start(open);
    for (let round = 0; round < 5; round += 1) {
      await world.publish(5);
      world.cable.cut();
      await world.publish(5);
      await world.untilState('open');
    }
    await world.expectAll();
    expect(world.cable.opened).toBeGreaterThan(5);
  });

  test('the line falls silent: it is found out within 10 s', { timeout: longMs }, async () => {
    const world = await World.start(open);
    await world.publish(5);
    await world.expectAll();
    world.cable.fallSilent();
    const silentAt = performance.now();
    await world.publish(5);
    await world.untilState('waiting', 'connecting');
    expect(performance.now() - silentAt).toBeLessThan(10_000);
    world.cable.cut();
    world.cable.restore();
    await world.expectAll();
  });

  test('the token ends, and its function fails in between', { timeout: longMs }, async () => {
    const world = await World.start(open);
    world.tokenSeconds = 3;
    world.cable.cut();
    await until(() => world.tokenCalls >= 2, 'a short token');
    await world.untilState('open');
    await world.publish(5);
    world.tokenFailures = 1;
    world.tokenSeconds = 3600;
    await until(() => world.tokenCalls >= 4, 'a failure, and another token');
    await world.publish(5);
    await world.expectAll();
    // Twice in a row is once too many.
    world.tokenFailures = 2;
    world.cable.cut();
    await world.untilState('closed');
    expect(await world.listener.reason()).toContain('no token for you (token_failed)');
  });

  test('an administrator closes the socket: it stays away', { timeout: longMs }, async () => {
    const world = await World.start(open);
    await world.publish(2);
    await world.expectAll();
    const headers = { 'x-auth-token': await tokenFor(account) };
    const sockets = `${world.server.address}/v2/accounts/${account}/websockets`;
    const { data } = (await (await fetch(sockets, { headers })).json()) as { data: string[] };
    for (const id of data) await fetch(`${sockets}/${id}`, { method: 'DELETE', headers });
    await world.untilState('closed');
    const { opened } = world.cable;
    await world.listener.sleep?.();
    expect(world.cable.opened - opened).toBe(0);
    expect(await world.listener.reason()).toContain('(4500)');
  });

  test('a binding is lost while it is being given what it missed: that is a gap, and nothing else is lost', {
    timeout: longMs,
  }, async () => {
    const world = await World.start(open);
    await world.publish(1);
    await world.expectAll();
    await world.server.process.insist('SIGKILL');
    await world.publish(400);
    await world.replaceServer();
    await until(async () => (await world.listener.calls()).length > 1, 'the first that were missed');
    await world.broker.deleteExchange('callevt');
    await until(async () => (await world.listener.gaps()).length > 0, 'the gap');
    expect(await world.listener.gaps()).toEqual(['notice']);
    await world.publish(3);
    await world.expectAll();
  });
});

test('a laptop sleeps for a night: it catches up', { timeout: longMs }, async () => {
  const world = await World.start(openInChromium);
  await world.publish(5);
  await world.expectAll();
  // The server, the broker and whoever calls don't sleep; the line is dead in the morning.
  world.cable.fallSilent();
  await world.publish(20);
  await world.listener.sleep?.();
  world.cable.cut();
  world.cable.restore();
  await world.publish(5);
  await world.expectAll();
  // One whose line has survived is not given up.
  const { opened } = world.cable;
  await world.listener.sleep?.();
  await world.publish(5);
  await world.expectAll();
  expect(world.cable.opened).toBe(opened);
});
