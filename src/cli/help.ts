/** What `--help` prints, made from the table of commands. */
import { helpOption } from './arguments.ts';
import { type Argument, type Command, groups, type Option } from './command.ts';

/** How a command is called: `npx event-horizon listen`, or by `npm run`. */
export type Caller = (command: Command) => string;

const byItsName: Caller = ({ name }) => `event-horizon ${name}`;

/** The help of all these commands. */
export function overview(commands: readonly Command[], version: string): string {
  const width = Math.max(...commands.map((command) => shortUsage(command).length));
  const listed = groups.flatMap((group) => {
    const own = commands.filter((command) => command.group === group);
    if (own.length === 0) return [];
    const lines = own.map((command) => `  ${shortUsage(command).padEnd(width)}  ${command.summary}`);
    return `${group}\n${lines.join('\n')}`;
  });
  return `Event Horizon ${version}: carries events from RabbitMQ to browsers over WebSocket.

  event-horizon COMMAND [OPTIONS]

${listed.join('\n\n')}

\`event-horizon COMMAND --help\` says more of each, with examples.
The server is that of --url or EVENT_HORIZON_URL (http://127.0.0.1:5555/), the token that of --token-file, --token or
EVENT_HORIZON_TOKEN; of a demo on this machine the token is asked for. The bus is that of AMQP_URL.
It ends with 0 when all is well, 1 for a fault, 2 for bad usage, 3 when the server refuses, 4 when it can't be reached.
`;
}

function shortUsage(command: Command): string {
  return [command.name, ...Object.entries(command.arguments).map(shownArgument)].join(' ');
}

/** The help of one command. */
export async function helpOf(command: Command, callerOf: Caller = byItsName): Promise<string> {
  const paragraphs = [
    `${command.summary}.`,
    `  ${usageOf(command, callerOf)}`,
    command.details,
    list(Object.entries(command.arguments).map(([name, { summary }]) => [name, summary])),
    list(optionsOf(command).map(([name, option]) => [shownOption(name, option), summaryOf(option)])),
    examplesOf(command),
    await command.more?.(),
  ];
  return `${paragraphs.filter((text) => text !== undefined && text !== '').join('\n\n')}\n`;
}

function usageOf(command: Command, callerOf: Caller): string {
  return [callerOf(command), ...Object.entries(command.arguments).map(shownArgument), '[OPTIONS]'].join(' ');
}

function shownArgument([name, { isOptional, isRepeated }]: [string, Argument]): string {
  if (isRepeated) return `[${name}…]`;
  return isOptional ? `[${name}]` : name;
}

/** All options of a command, those that every command has behind its own. */
export function optionsOf(command: Command): [string, Option][] {
  return Object.entries({ ...command.options, help: helpOption });
}

function shownOption(name: string, { type, short, value }: Option): string {
  const long = `--${name}${type === 'string' ? ` ${value ?? 'TEXT'}` : ''}`;
  return short === undefined ? long : `${long}, -${short}`;
}

function summaryOf({ summary, choices }: Option): string {
  return choices === undefined ? summary : `${summary}: ${choices.join(', ')}`;
}

function list(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join('\n');
}

function examplesOf({ examples }: Command): string | undefined {
  if (examples.length === 0) return undefined;
  return `Examples:\n${examples.map(([line, does]) => `  # ${does}\n  ${line}`).join('\n')}`;
}
