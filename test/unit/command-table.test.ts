import { describe, expect, test } from 'vitest';
import { findCommand, nearest, readArguments } from '../../src/cli/arguments.ts';
import { type Command, command, groups } from '../../src/cli/command.ts';
import { commands } from '../../src/cli/commands.ts';
import { completionFor, shells } from '../../src/cli/completion.ts';
import { exitOf, Failure, lineFault } from '../../src/cli/failure.ts';
import { helpOf, overview } from '../../src/cli/help.ts';
import { ConfigError } from '../../src/errors.ts';

const named = (name: string): Command => commands.find((one) => one.name === name) as Command;

describe('the table of commands', () => {
  test('has each name once, and a group for each', () => {
    expect(new Set(commands.map(({ name }) => name)).size).toBe(commands.length);
    for (const { group } of commands) expect(groups).toContain(group);
  });

  test.each(commands)(
    '$name has a summary in a line, and an example that can be typed',
    async ({ summary, examples, ...one }) => {
      expect(summary).toMatch(/^[A-Z][^\n]{5,90}[^.\n]$/);
      expect(examples.length).toBeGreaterThan(0);
      for (const [line] of examples) {
        const typed = /event-horizon ([^|>;)]*)/.exec(line)?.[1] ?? '';
        const words = [...typed.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
          (match) => match[1] ?? match[2] ?? match[3] ?? '',
        );
        const found = findCommand(commands, words);
        expect(found?.command.name, line).toBe(one.name);
        expect(() => readArguments(found?.command as Command, found?.rest ?? []), line).not.toThrow();
      }
    },
  );

  test.each(commands)('$name has all that it takes in its help', async (one) => {
    const text = await helpOf(one);
    for (const name of [
      ...Object.keys(one.options).map((option) => `--${option}`),
      ...Object.keys(one.arguments),
      '--help',
    ]) {
      expect(text).toContain(name);
    }
    for (const [line] of one.examples) expect(text).toContain(line);
    // The settings of a server are what they are.
    const [own = ''] = text.split('\nSettings:');
    expect(own.split('\n').filter((line) => line.length > 140)).toEqual([]);
  });

  test('is all in the overview, which fits a terminal', () => {
    const text = overview(commands, '1.2.3');
    for (const { name } of commands) expect(text).toMatch(new RegExp(`^  ${name} `, 'm'));
    expect(text.split('\n').filter((line) => line.length > 130)).toEqual([]);
  });

  test.each(shells)('is all in the completion of %s', (shell) => {
    const script = completionFor(shell, commands);
    for (const { name, options } of commands) {
      for (const word of name.split(' ')) expect(script).toContain(word);
      for (const option of Object.keys(options)) expect(script).toMatch(new RegExp(`(--|-l )${option}\\b`));
    }
  });
});

describe('what is typed', () => {
  const sample = command({
    name: 'sample',
    group: 'The bus',
    summary: 'Is a sample',
    arguments: { ONE: { summary: 'the first' }, TWO: { summary: 'the second', isOptional: true, choices: ['a', 'b'] } },
    options: {
      flag: { type: 'boolean', summary: 'a flag' },
      kind: { type: 'string', summary: 'a kind', choices: ['x', 'y'] },
      many: { type: 'string', multiple: true, summary: 'many' },
    },
    examples: [],
    run: async () => undefined,
  });
  const read = (...words: string[]) => readArguments(sample, words);

  test('becomes arguments and options, whatever their order', () => {
    expect(read('--many', '1', 'first', '--flag', 'a', '--many=2', '--kind', 'x')).toEqual({
      args: { ONE: 'first', TWO: 'a' },
      options: { flag: true, kind: 'x', many: ['1', '2'] },
    });
    expect(read('--', '--odd')).toMatchObject({ args: { ONE: '--odd', TWO: undefined } });
  });

  test.each([
    [[], 'ONE is missing: the first'],
    [['1', 'c'], 'TWO: c is none of a, b'],
    [['1', 'a', 'more'], 'there is nothing for "more" to say here'],
    [['1', '--flga'], "Unknown option '--flga'; did you mean --flag?"],
    [['1', '--wholly-else'], "Unknown option '--wholly-else'"],
    [['1', '--kind', 'z'], '--kind: z is none of x, y'],
    [['1', '--kind'], '--kind'],
  ])('is bad usage for %j', (words, message) => {
    expect(() => read(...words)).toThrow(
      expect.objectContaining({ kind: 'badUsage', message: expect.stringContaining(message) }),
    );
  });

  test('asks for help before anything else is missing', () => {
    expect(read('--help')).toBe('help');
    expect(read('-h')).toBe('help');
  });

  test('finds commands of two words', () => {
    expect(findCommand([sample, { ...sample, name: 'two words' }], ['two', 'words', 'x'])).toMatchObject({
      rest: ['x'],
    });
    expect(findCommand([sample], ['other'])).toBeUndefined();
    expect(named('token').name).toBe('token');
  });

  test('is compared with what there is where it is mistyped', () => {
    expect(nearest('lisen', ['listen', 'token'])).toBe('listen');
    expect(nearest('tokne', ['listen', 'token'])).toBe('token');
    expect(nearest('x', ['ab'])).toBeUndefined();
  });
});

describe('what a command ends with', () => {
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });

  test.each([
    [1, new Error('anything')],
    [1, new Failure('fault', 'no such call')],
    [2, new Failure('badUsage', 'so not')],
    [2, new ConfigError(['AMQP_URL: no'])],
    [3, new Failure('refused', 'no')],
    [4, new Failure('unreachable', 'nobody')],
    [4, refused],
    [4, new TypeError('fetch failed', { cause: refused })],
    [4, new AggregateError([new Error('other'), refused])],
  ])('%i for %s', (code, error) => {
    expect(exitOf(error)).toBe(code);
  });

  test('a line that fails is said in words', () => {
    expect(lineFault(new TypeError('fetch failed', { cause: refused }))).toBe('nobody listens there');
    expect(lineFault('text')).toBeUndefined();
  });
});
