/** Reads what was typed: which command, its arguments and options. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { isBadArgument, messageOf } from '../errors.ts';
import type { Argument, Command, Given } from './command.ts';
import { Failure } from './failure.ts';

/** What every command has. */
export const helpOption = { type: 'boolean', short: 'h', summary: 'this text' } as const;

/**
 * The command that the words begin with, and the words behind its name.
 * @returns undefined where they name none
 */
export function findCommand(
  commands: readonly Command[],
  words: readonly string[],
): { readonly command: Command; readonly rest: readonly string[] } | undefined {
  for (const command of commands) {
    const name = command.name.split(' ');
    if (name.every((word, index) => words[index] === word)) return { command, rest: words.slice(name.length) };
  }
  return undefined;
}

/**
 * @returns what the command was called with, or `help` where it was asked for that
 * @throws Failure badUsage
 */
export function readArguments(command: Command, words: readonly string[]): Given | 'help' {
  const { values, positionals } = parsed(command, words);
  if (values.help === true) return 'help';
  for (const [name, { choices }] of Object.entries(command.options)) {
    const value = values[name];
    for (const one of Array.isArray(value) ? value : [value]) {
      if (typeof one === 'string') checkChoice(`--${name}`, choices, one);
    }
  }
  return { args: assigned(command, positionals), options: values as Given['options'] };
}

function parsed(command: Command, words: readonly string[]) {
  const options = Object.entries({ ...command.options, help: helpOption }).map(([name, option]) => [
    name,
    {
      type: option.type,
      ...('short' in option && { short: option.short }),
      ...('multiple' in option && { multiple: option.multiple }),
    },
  ]);
  const config: ParseArgsConfig = { args: [...words], options: Object.fromEntries(options), allowPositionals: true };
  try {
    return parseArgs(config);
  } catch (error) {
    if (!isBadArgument(error)) throw error;
    throw new Failure('badUsage', usageFault(command, messageOf(error)), { cause: error });
  }
}

/** Node's own words, less what it advises for the names of files. */
function usageFault(command: Command, message: string): string {
  const unknown = /^Unknown option '(-[^']*)'/.exec(message)?.[1];
  if (unknown === undefined) return message.replaceAll('\n', ' ');
  const near = nearest(unknown.replace(/^-+/, ''), Object.keys(command.options));
  return `Unknown option '${unknown}'${near === undefined ? '' : `; did you mean --${near}?`}`;
}

function assigned({ arguments: known }: Command, words: readonly string[]): Given['args'] {
  const given: Record<string, string | readonly string[] | undefined> = {};
  let at = 0;
  for (const [name, argument] of Object.entries(known)) {
    if (argument.isRepeated) {
      given[name] = words.slice(at);
      at = words.length;
      continue;
    }
    const word = words[at];
    if (word === undefined && !argument.isOptional) throw new Failure('badUsage', missing(name, argument));
    if (word !== undefined) checkChoice(name, argument.choices, word);
    given[name] = word;
    at += 1;
  }
  if (words.length > at) throw new Failure('badUsage', `there is nothing for ${JSON.stringify(words[at])} to say here`);
  return given as Given['args'];
}

function missing(name: string, { summary }: Argument): string {
  return `${name} is missing: ${summary}`;
}

function checkChoice(name: string, choices: readonly string[] | undefined, value: string): void {
  if (choices === undefined || choices.includes(value)) return;
  throw new Failure('badUsage', `${name}: ${value} is none of ${choices.join(', ')}`);
}

/** Beyond it one word is not another one mistyped. */
const mostEdits = 2;

/** @returns the one of these that may have been meant */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((name) => ({ name, edits: editsBetween(word, name) }))
    .filter(({ edits, name }) => edits <= Math.min(mostEdits, name.length - 1))
    .sort((one, other) => one.edits - other.edits);
  return best?.name;
}

/** How many letters must be added, left out or changed to make one of the other. */
function editsBetween(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [above, letter] of [...one].entries()) {
    const next = [above + 1];
    for (let index = 1; index <= other.length; index += 1) {
      const change = (row[index - 1] ?? 0) + (letter === other[index - 1] ? 0 : 1);
      next.push(Math.min(change, (row[index] ?? 0) + 1, (next[index - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
