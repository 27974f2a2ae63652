/** The table of commands. What each does is loaded when it is called. */
import { type Command, command } from './command.ts';
import { completionFor, type Shell, shells } from './completion.ts';
import { busCommands } from './table-bus.ts';
import { callCommands } from './table-calls.ts';
import { listCommands } from './table-lists.ts';
import { ownCommands } from './table-own.ts';

export const commands: readonly Command[] = [
  ...listCommands,
  ...callCommands,
  ...ownCommands,
  ...busCommands,
  command({
    name: 'completion',
    group: 'The server',
    summary: 'Prints a script with which a shell completes commands and options',
    arguments: { SHELL: { summary: 'bash, zsh or fish', choices: shells } },
    options: {},
    examples: [
      ['eval "$(event-horizon completion bash)"', 'in ~/.bashrc'],
      ['event-horizon completion fish > ~/.config/fish/completions/event-horizon.fish', 'once'],
    ],
    run: async ({ args }) => void process.stdout.write(completionFor(args.SHELL as Shell, commands)),
  }),
];
