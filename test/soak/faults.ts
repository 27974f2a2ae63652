/** What happens to the server, its broker and the line between them, one after the other. */
import { setTimeout as pause } from 'node:timers/promises';
import { headerProperties, publishRaw, tableEntry, typeL } from '../support/raw-publish.ts';
import type { World } from './world.ts';

export interface Fault {
  readonly name: string;
  /** Resolves when it is over. */
  inflict(world: World): Promise<void>;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(50);
}

const consumingLink = ({ line }: World) =>
  line.links.findLast(({ hasConsumer, asked }) => hasConsumer && asked.includes('basic.qos'));

export const faults: readonly Fault[] = [
  {
    name: 'the connections are reset',
    async inflict({ line }) {
      const before = line.links.length;
      for (const link of line.links) link.reset();
      await until(() => line.links.length >= before + 2);
    },
  },
  {
    name: 'poison messages',
    async inflict(world) {
      const properties = headerProperties(tableEntry('h', typeL));
      const poison = {
        exchange: 'callevt',
        routingKey: 'call.CHANNEL_CREATE.poison',
        properties,
        body: Buffer.from('{}'),
      };
      await publishRaw(world, ...Array.from({ length: 5 }, () => poison));
    },
  },
  {
    name: 'the line stalls for five seconds',
    async inflict({ line }) {
      for (const link of line.links) link.hold();
      await pause(5000);
      for (const link of line.links) link.release();
    },
  },
  {
    name: 'the server stands still for two seconds',
    async inflict({ server }) {
      server.signal('SIGSTOP');
      await pause(2000);
      server.signal('SIGCONT');
    },
  },
  {
    name: 'the consumer is cancelled',
    async inflict(world) {
      const before = world.line.links.length;
      consumingLink(world)?.cancelConsumer();
      await until(() => world.line.links.length > before);
    },
  },
  {
    name: 'the exchange of calls is deleted and made again',
    async inflict(world) {
      await world.deleteExchange('callevt');
      await world.publisher.publishMore(1);
    },
  },
  {
    name: 'the queue is deleted',
    async inflict(world) {
      const before = world.line.links.length;
      const [binding] = await world.bindings();
      if (binding !== undefined) await world.rabbit.control('delete_queue', binding.destination);
      await until(() => world.line.links.length > before);
    },
  },
  {
    name: 'a memory alarm of three seconds',
    async inflict({ rabbit }) {
      await rabbit.control('set_vm_memory_high_watermark', 'absolute', '1MB');
      await pause(3000);
      await rabbit.control('set_vm_memory_high_watermark', '0.8');
    },
  },
  {
    name: 'the line stalls for good',
    async inflict({ line }) {
      const before = line.links.length;
      for (const link of line.links) link.fallSilent();
      await until(() => line.links.length >= before + 2);
    },
  },
  {
    name: 'the broker is killed and started again',
    async inflict({ rabbit }) {
      await rabbit.stop();
      await rabbit.start();
    },
  },
];
