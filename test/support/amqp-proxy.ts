/** A proxy before a broker for the running test. */
import { onTestFinished } from 'vitest';
import { type AmqpProxy, openAmqpProxy, type ProxyBehaviour } from './amqp-line.ts';

/** Runs until the test ends. */
export async function startAmqpProxy(brokerPort: number, behaviour: ProxyBehaviour = {}): Promise<AmqpProxy> {
  const proxy = await openAmqpProxy(brokerPort, behaviour);
  onTestFinished(() => proxy.close());
  return proxy;
}
