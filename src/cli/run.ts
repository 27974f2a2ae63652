/** Runs commands: `event-horizon NAME`, or one alone as `npm run` does. Alone decides what the process ends with. */
import { ConfigError, exitCodes, messageOf } from '../errors.ts';
import { version } from '../version.ts';
import { findCommand, nearest, readArguments } from './arguments.ts';
import type { Command } from './command.ts';
import { commands } from './commands.ts';
import { commandExits, exitOf, Failure } from './failure.ts';
import { helpOf, overview } from './help.ts';
import { printable } from './terminal.ts';

/**
 * `event-horizon WORDS`. What goes wrong is said in a line on standard error.
 * @param words those behind the program's name
 */
export async function runEventHorizon(words: readonly string[]): Promise<void> {
  try {
    if ((await run(words))?.ownsProcess) return;
  } catch (error) {
    process.stderr.write(`event-horizon: ${lineOf(error)}${hintOf(error, words)}\n`);
    process.exitCode = exitOf(error);
  }
  // Whoever is slow to say goodbye is not waited for, but what was printed is.
  process.stdout.write('', () => process.exit());
}

/** @returns the command that was run */
async function run(words: readonly string[]): Promise<Command | undefined> {
  const [first] = words;
  if (first === '--version' || first === '-V') return print(`${version}\n`);
  if (first === undefined || first === '--help' || first === '-h') return print(overview(commands, version));
  if (first === 'help') return helpWith(words.slice(1));
  const found = findCommand(commands, words);
  if (found === undefined && words.some((word) => word === '--help' || word === '-h')) return helpWith([first]);
  if (found === undefined) throw noSuchCommand(words);
  const given = readArguments(found.command, found.rest);
  if (given === 'help') return print(await helpOf(found.command));
  if (!found.command.ownsProcess) endQuietly();
  await found.command.run(given);
  return found.command;
}

async function helpWith(words: readonly string[]): Promise<undefined> {
  if (words.length === 0) return print(overview(commands, version));
  const found = findCommand(commands, words);
  const family = commands.filter(({ name }) => name.startsWith(`${words[0]} `));
  if (found === undefined && family.length > 0) return print(overview(family, version));
  if (found === undefined) throw noSuchCommand(words);
  return print(await helpOf(found.command));
}

function noSuchCommand(words: readonly string[]): Failure {
  const [first = '', second] = words;
  const family = commands.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name);
  if (family.length > 0) {
    const what = second === undefined ? 'what to do is missing' : `there is no ${first} ${second}`;
    return new Failure('badUsage', `${what}; there are ${family.join(', ')}`);
  }
  const near = nearest(
    first,
    commands.map(({ name }) => name),
  );
  return new Failure('badUsage', `there is no command ${first}${near === undefined ? '' : `; did you mean ${near}?`}`);
}

/** Where somebody finds out how it is typed. */
function hintOf(error: unknown, words: readonly string[]): string {
  if (!(error instanceof Failure) || error.kind !== 'badUsage') return '';
  const command = findCommand(commands, words)?.command;
  return ` (see event-horizon ${command === undefined ? '' : `${command.name} `}--help)`;
}

/**
 * One command alone, as `npm run NAME` has it: what it throws ends the process with 78 for bad arguments and settings, and
 * with 1 for anything else.
 */
export async function runAlone(name: string): Promise<void> {
  try {
    const found = findCommand(commands, [name, ...process.argv.slice(2)]);
    if (found === undefined) throw new Error(`no command ${name}`);
    const given = readArguments(found.command, found.rest);
    if (given === 'help') print(await helpOf(found.command, byNpm));
    else await found.command.run(given);
  } catch (error) {
    process.stderr.write(`${name}: ${lineOf(error)}\n`);
    process.exitCode = exitOf(error) === commandExits.badUsage ? exitCodes.badConfiguration : exitCodes.anythingElse;
  }
}

const byNpm = ({ name }: Command): string => `npm run -s ${name} --`;

function print(text: string): undefined {
  endQuietly();
  process.stdout.write(text);
}

function lineOf(error: unknown): string {
  const text = error instanceof ConfigError ? [...new Set(error.lines)].join('; ') : messageOf(error);
  // Servers and brokers say what they like.
  return printable(text.replaceAll('\n', ' '));
}

let isGuarded = false;

/** Whoever reads no further (`| head`) has what he wanted: that is no fault. */
function endQuietly(): void {
  if (isGuarded) return;
  isGuarded = true;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.stderr.write(`event-horizon: standard output: ${error.message}\n`);
    process.exit(error.code === 'EPIPE' ? commandExits.done : commandExits.fault);
  });
  process.stderr.on('error', () => undefined);
}
