/** An Event Horizon of the test's own on the embedded bus: the same app, without a broker that would have to be there. */
import type { Bus } from '../../src/bus.ts';
import { controlBindings } from '../../src/cluster/messages.ts';
import { EmbeddedBus } from '../../src/embedded-bus/embedded-bus.ts';
import { EmbeddedControl } from '../../src/embedded-bus/embedded-control.ts';
import { type Bridge, launch, type Settings, secret, type TestBus } from './bridge.ts';
import { fixture } from './fixtures.ts';

export type EmbeddedBridge = Bridge<TestBus>;

/** @param settings as environment variables; a secret and a free port are set already */
export async function startBridge(settings: Settings = {}): Promise<EmbeddedBridge> {
  const embedded = new EmbeddedBus();
  const bound = new Set<string>();
  const bus: Bus = {
    get isUp() {
      return embedded.isUp;
    },
    start: (listener) => embedded.start(listener),
    async bind(pattern) {
      await embedded.bind(pattern);
      bound.add(`${pattern.exchange} ${pattern.routingPattern}`);
    },
    async unbind(pattern) {
      await embedded.unbind(pattern);
      bound.delete(`${pattern.exchange} ${pattern.routingPattern}`);
    },
    settle: () => embedded.settle(),
    stop: () => embedded.stop(),
  };
  // An address that nobody looks at, since the bus is given; without one it would be the demo.
  const unused = 'amqp://127.0.0.1:1';
  return launch({ AMQP_URL: unused, AUTH_JWT_SECRET: secret, ...settings }, testBus(embedded, bound), {
    bus,
    control: new EmbeddedControl(embedded, controlBindings),
  });
}

function testBus(embedded: EmbeddedBus, bound: ReadonlySet<string>): TestBus {
  const publish: TestBus['publish'] = async (exchange, routingKey, body, { contentEncoding } = {}) => {
    embedded.deliver({
      exchange,
      routingKey,
      body: Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)),
      contentEncoding,
    });
  };
  return {
    publish,
    async publishFixture(file, changes, routingKey) {
      const event = fixture(file);
      const body = changes === undefined ? event.body : { ...event.payload, ...changes };
      await publish(event.exchange, routingKey ?? event.routingKey, body);
    },
    patterns: async () => [...bound].sort(),
  };
}
