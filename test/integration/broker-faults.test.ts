/** Faults of the broker and of the line to it, each against a server with 200 clients and somebody who goes on publishing. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callEvent } from '../support/events.ts';
import { type Report, startWorld, suffer, type World } from '../support/fault-world.ts';
import { type Rabbit, startRabbit } from '../support/rabbit.ts';
import { headerProperties, publishRaw, tableEntry, typeL } from '../support/raw-publish.ts';
import { until } from '../support/until.ts';

/** One that may be ill-treated. */
let rabbit: Rabbit;
beforeAll(async () => {
  rabbit = await startRabbit();
});
afterAll(() => rabbit.remove());

/** However long the fault itself takes, this long after it everything is as before. ms */
const backMs = 15_000;
/** What is on its way when a queue goes is lost with it. ms */
const onItsWayMs = 1000;

interface Fault {
  readonly name: string;
  /** Resolves when it is over. */
  inflict(world: World): Promise<void>;
  /** Whether events may be lost. None is lost that was published before the fault or after the recovery. */
  readonly loses: boolean;
  /** What /readyz says meanwhile, where it takes long enough to be asked. */
  readonly reasons: readonly string[];
  readonly outages: number;
}

const away = 'the broker is away';
const silent = 'the broker does not answer';

async function isSaid(world: World, reason: string): Promise<void> {
  await until(async () => (await (await fetch(`${world.server.address}/readyz`)).text()).includes(reason), reason);
}

const queueOfEvents = async ({ broker }: World): Promise<string> => String((await broker.bindings())[0]?.destination);

async function isAnotherQueue(world: World, before: string): Promise<void> {
  await until(async () => ![before, 'undefined'].includes(await queueOfEvents(world)), 'another queue');
}

const faults: readonly Fault[] = [
  {
    name: 'the broker is restarted',
    async inflict() {
      await rabbit.control('stop_app');
      await rabbit.control('start_app');
    },
    loses: true,
    reasons: [away],
    outages: 1,
  },
  {
    name: 'the broker is killed, and started again',
    async inflict() {
      await rabbit.stop();
      await rabbit.start();
    },
    loses: true,
    reasons: [away],
    outages: 1,
  },
  {
    name: 'the broker stands still until it is noticed, and goes on',
    async inflict(world) {
      rabbit.freeze();
      await isSaid(world, silent).finally(() => rabbit.thaw());
    },
    loses: false,
    reasons: [silent],
    outages: 1,
  },
  {
    name: 'the broker has a memory alarm',
    async inflict({ publisher }) {
      await rabbit.control('set_vm_memory_high_watermark', 'absolute', '1MB');
      await until(() => publisher.isHeldUp, 'the publisher is held up');
      await rabbit.control('set_vm_memory_high_watermark', '0.8');
    },
    loses: false,
    reasons: [],
    outages: 0,
  },
  {
    name: 'the queue is deleted',
    async inflict(world) {
      const before = await queueOfEvents(world);
      await rabbit.control('delete_queue', '--vhost', world.broker.vhost, before);
      await isAnotherQueue(world, before);
    },
    loses: true,
    reasons: [],
    outages: 1,
  },
  {
    name: 'the consumer is cancelled',
    async inflict(world) {
      const before = await queueOfEvents(world);
      const [link] = world.proxy.links.filter(({ asked }) => asked.includes('basic.qos'));
      link?.cancelConsumer();
      await isAnotherQueue(world, before);
    },
    loses: true,
    reasons: [],
    outages: 1,
  },
  {
    name: 'the exchange is deleted and made again',
    async inflict({ broker, publisher }) {
      await broker.deleteExchange('callevt');
      // Whoever publishes makes it again.
      await publisher.publishMore(1);
    },
    loses: true,
    // RabbitMQ tells nobody: every binding is made anew every 10 s.
    reasons: [],
    outages: 0,
  },
  {
    name: 'the line stalls',
    async inflict({ proxy }) {
      const before = proxy.links.length;
      for (const link of proxy.links) link.fallSilent();
      await until(() => proxy.links.length > before, 'another connection');
    },
    loses: true,
    reasons: [silent],
    outages: 1,
  },
  {
    name: 'the connections are reset, three times',
    async inflict(world) {
      for (let round = 0; round < 3; round += 1) {
        const before = await queueOfEvents(world);
        for (const link of world.proxy.links) link.reset();
        await isAnotherQueue(world, before);
      }
    },
    loses: true,
    reasons: [],
    outages: 3,
  },
  {
    name: 'poison messages come, ten of them',
    async inflict({ broker, server }) {
      const { exchange, routingKey, body } = callEvent('north', 'CHANNEL_CREATE', 'poison');
      const properties = headerProperties(tableEntry('h', typeL));
      const poison = { exchange, routingKey, properties, body: Buffer.from(JSON.stringify(body)) };
      await publishRaw(broker, ...Array.from({ length: 10 }, () => poison));
      const dropped = 'horizon_events_dropped_total{reason="undecodable"} 10';
      await until(async () => (await (await fetch(`${server.address}/metrics`)).text()).includes(dropped), dropped);
    },
    loses: false,
    reasons: [],
    outages: 0,
  },
];

function expectWithin(report: Report, { loses }: Fault): void {
  if (!loses) expect(report.lost).toBe(0);
  if (report.lost === 0) return;
  expect(report.lostFromMs).toBeGreaterThan(-onItsWayMs);
  expect(report.lostUntilMs).toBeLessThan(report.tookMs);
}

describe('no socket is closed, nothing comes twice or out of order, and within 15 s all is as before', () => {
  test.each(faults.map((fault) => [fault.name, fault] as const))(
    '%s',
    async (_name, fault) => {
      const world = await startWorld(rabbit);
      const report = await suffer(world, () => fault.inflict(world));
      expectWithin(report, fault);
      expect(report).toMatchObject({ closed: [], outOfOrder: 0, outages: fault.outages });
      expect(report.backAfterMs).toBeLessThan(backMs);
      expect(report.reasons).toEqual(expect.arrayContaining([...fault.reasons]));
    },
    90_000,
  );
});
