/** `npm run fuzz`: attacks a server for some minutes, and says whether anybody else noticed. */
import { parseArgs } from 'node:util';
import { ensureInstalled, rabbitmqServer } from '../support/packages.ts';
import { startRabbit } from '../support/rabbit.ts';
import { fuzz } from './fuzz.ts';

const help = `Attacks a server of its own with messages, bytes, requests and events, right and wrong, and watches over others.

  npm run fuzz -- [--seed N] [--seconds 60] [--late-ms 100] [--amqp URL]

  --seed      what the attackers do follows from it (a random one)
  --seconds   for how long (60)
  --late-ms   how much later than without the server an event may come (100)
  --amqp      a RabbitMQ that is there, with a virtual host for this alone; without it one is started
`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    seconds: { type: 'string', default: '60' },
    'late-ms': { type: 'string', default: '100' },
    amqp: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (values.help) process.stdout.write(help);
else {
  const exitCode = await run();
  // What is left of connections that attackers broke off is nobody's affair any more.
  process.stdout.write('', () => process.exit(exitCode));
}

async function run(): Promise<number> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const [seed, seconds, lateMs] = [values.seed, values.seconds, values['late-ms']].map(Number);
  if (seed === undefined || !Number.isFinite(seed) || !seconds || !lateMs) {
    say('--seed, --seconds and --late-ms are numbers');
    return 78;
  }
  say(`seed ${seed}, ${seconds} s`);
  const faults = await withBroker((url) => fuzz({ seed, seconds, lateMs, url, say }));
  for (const fault of faults) say(`FAULT ${fault}`);
  say(
    faults.length === 0
      ? 'nobody else noticed'
      : `${faults.length} faults; npm run fuzz -- --seed ${seed} --seconds ${seconds} does it again`,
  );
  return faults.length === 0 ? 0 : 1;
}

async function withBroker<T>(use: (url: string) => Promise<T>): Promise<T> {
  if (values.amqp !== undefined) return use(values.amqp);
  await ensureInstalled([rabbitmqServer]);
  const rabbit = await startRabbit();
  try {
    return await use(`amqp://guest:guest@127.0.0.1:${rabbit.amqpPort}`);
  } finally {
    await rabbit.remove();
  }
}
