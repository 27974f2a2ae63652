/** `npm run bench`: measures Event Horizon against others and against the machine, in one run. */
import { parseArgs } from 'node:util';
import { chromium, ensureInstalled, rabbitmqServer } from '../support/packages.ts';
import { startRabbit } from '../support/rabbit.ts';
import { asMarkdown, writeReport } from './report.ts';
import { burst } from './scenarios/burst.ts';
import { consoleMemory, consoleMinute } from './scenarios/console.ts';
import { death } from './scenarios/death.ts';
import { filters } from './scenarios/filters.ts';
import { index } from './scenarios/index.ts';
import { memory } from './scenarios/memory.ts';
import { mixed } from './scenarios/mixed.ts';
import { resume } from './scenarios/resume.ts';
import { ring } from './scenarios/ring.ts';
import { scale } from './scenarios/scale.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { single } from './scenarios/single.ts';
import { soak } from './scenarios/soak.ts';
import { steady } from './scenarios/steady.ts';
import { storm } from './scenarios/storm.ts';
import { subaccounts } from './scenarios/subaccounts.ts';
import { variants } from './scenarios/variants.ts';

const scenarios: Readonly<Record<string, Scenario>> = {
  burst,
  variants,
  steady,
  single,
  mixed,
  memory,
  scale,
  index,
  filters,
  subaccounts,
  storm,
  death,
  resume,
  ring,
  console: consoleMinute,
};

/** They take a quarter of an hour and more, so they are only run when they are named. */
const longScenarios: Readonly<Record<string, Scenario>> = { soak, 'console-memory': consoleMemory };
const known: Readonly<Record<string, Scenario>> = { ...scenarios, ...longScenarios };

const help = `Measures Event Horizon.

  npm run bench -- [scenario ...] [--rounds 3] [--only NAME] [--dry]

  scenarios   ${Object.keys(scenarios).join(', ')} (all of these),
              and soak: half an hour of churn,
              console-memory: the console's heap over a quarter of an hour
  --rounds    how often each contender is measured (3)
  --only      only contenders whose name has this in it
  --dry       print only; docs/ stays as it is
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    dry: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const unknown = positionals.find((name) => known[name] === undefined);

if (values.help || unknown !== undefined) {
  process.stdout.write(unknown === undefined ? help : `no scenario ${unknown}\n\n${help}`);
  process.exitCode = unknown === undefined ? 0 : 78;
} else {
  await run(positionals.length > 0 ? positionals : Object.keys(scenarios));
}

async function run(names: readonly string[]): Promise<void> {
  await ensureInstalled(
    names.some((name) => name.startsWith('console')) ? [rabbitmqServer, chromium] : [rabbitmqServer],
  );
  const rabbit = await startRabbit([], ['rabbitmq_web_stomp', 'rabbitmq_event_exchange']);
  try {
    for (const name of names) {
      process.stdout.write(`${name}\n`);
      const scenario = known[name] as Scenario;
      const say = (text: string): void => void process.stdout.write(`${text}\n`);
      const tables = await scenario({ rabbit, rounds: Number(values.rounds), only: values.only, say });
      process.stdout.write(`\n${tables.map(asMarkdown).join('\n')}\n`);
      if (!values.dry) await writeReport(name, tables);
    }
  } finally {
    await rabbit.remove();
  }
}
