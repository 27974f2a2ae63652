/** Once for all tests: what they need is found or installed, and one broker runs for all of them. */
import { build } from 'vite';
import type { TestProject } from 'vitest/node';
import { chromium, ensureInstalled, faketime, haproxy, rabbitmqServer } from './packages.ts';
import { type RabbitAddress, startRabbit } from './rabbit.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    rabbit: RabbitAddress;
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  // What servers give out as `/client.js` and as the console is of this moment.
  await build({ configFile: 'vite.client.config.ts' });
  await build({ configFile: 'vite.config.ts' });
  await ensureInstalled([rabbitmqServer, haproxy, chromium, faketime]);
  const running = runningRabbit(process.env.TEST_RABBIT);
  if (running !== undefined) {
    project.provide('rabbit', running);
    return undefined;
  }
  const rabbit = await startRabbit();
  project.provide('rabbit', { amqpPort: rabbit.amqpPort, managementPort: rabbit.managementPort });
  return () => rabbit.remove();
}

/**
 * A broker that is there already, for who runs few tests often: its start takes longer than they do.
 * @param ports TEST_RABBIT, `AMQP_PORT,MANAGEMENT_PORT` on 127.0.0.1, with the user guest
 */
function runningRabbit(ports: string | undefined): RabbitAddress | undefined {
  if (ports === undefined || ports === '') return undefined;
  const [amqpPort, managementPort] = ports.split(',').map(Number);
  if (!amqpPort || !managementPort) throw new Error(`TEST_RABBIT is AMQP_PORT,MANAGEMENT_PORT and not ${ports}`);
  return { amqpPort, managementPort };
}
