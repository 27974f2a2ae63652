/** Once for all tests: what they need is found or installed, and one broker runs for all of them. */
import type { TestProject } from 'vitest/node';
import { chromium, ensureInstalled, haproxy, rabbitmqServer } from './packages.ts';
import { type RabbitAddress, startRabbit } from './rabbit.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    rabbit: RabbitAddress;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await ensureInstalled([rabbitmqServer, haproxy, chromium]);
  const rabbit = await startRabbit();
  project.provide('rabbit', { amqpPort: rabbit.amqpPort, managementPort: rabbit.managementPort });
  return () => rabbit.remove();
}
