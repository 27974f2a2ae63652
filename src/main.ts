/** `npm start`: the server, and what else stands behind `--`. */
import { parseArgs } from 'node:util';
import { settingsHelp } from './config.ts';
import { checkSettings, fail, runServer } from './serve.ts';
import { version } from './version.ts';

const help = `Event Horizon ${version}: carries events from RabbitMQ to browsers over WebSocket.

  npm start                     start; without AMQP_URL a demo with invented calls
  npm start -- --check-config   print what is in force, secrets hidden, and exit
  npm start -- --help           this text
  npm run token -- --help       make a token
  npm run simulate -- --help    play the demo's calls onto a real broker
  npm run history -- --help     look at the stream of HISTORY=stream, or delete it
  npx event-horizon --help      all of these, and what can be done with a server that runs

Settings are environment variables, or members of the JSON file that CONFIG_FILE names (the environment wins).
Any secret may be given as NAME_FILE, the path of a file that holds it.

${settingsHelp()}
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean' },
      'check-config': { type: 'boolean' },
    },
  });
  if (values.help) process.stdout.write(help);
  else if (values.version) process.stdout.write(`${version}\n`);
  else if (values['check-config']) await checkSettings();
  else await runServer();
}

main().catch(fail);
