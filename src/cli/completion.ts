/** Scripts that let a shell complete commands and options, made from the table of commands. */
import type { Command } from './command.ts';
import { optionsOf } from './help.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** @returns the script for a shell; it asks nobody while somebody types */
export function completionFor(shell: Shell, commands: readonly Command[]): string {
  return { bash, zsh, fish }[shell](commands);
}

/** What can stand somewhere, and what it is. */
type Offer = readonly [word: string, summary: string];

/** The words of a name that come first, each once, with what is known of it. */
function firstWords(commands: readonly Command[]): Offer[] {
  const found = new Map<string, string>();
  for (const { name, summary } of commands) {
    const [first = '', second] = name.split(' ');
    if (!found.has(first)) found.set(first, second === undefined ? summary : 'Looks at the bus itself');
  }
  return [...found, ['help', 'Help of a command']];
}

/** What can stand behind the first word of commands of two. */
function secondWords(commands: readonly Command[]): Map<string, Offer[]> {
  const found = new Map<string, Offer[]>();
  for (const { name, summary } of commands) {
    const [first = '', second] = name.split(' ');
    if (second !== undefined) found.set(first, [...(found.get(first) ?? []), [second, summary]]);
  }
  return found;
}

/** The options of a command, and the words that its arguments may be. */
function offersOf(command: Command): Offer[] {
  const words = Object.values(command.arguments).flatMap(({ choices = [], summary }) =>
    choices.map((choice): Offer => [choice, summary]),
  );
  return [...words, ...optionsOf(command).map(([name, { summary }]): Offer => [`--${name}`, summary])];
}

/** The options whose value is the path of a file, as a pattern of a shell's `case`. */
function fileOptions(commands: readonly Command[]): string {
  const found = commands.flatMap((command) =>
    optionsOf(command).flatMap(([name, { value }]) => (value === 'FILE' ? [`--${name}`] : [])),
  );
  return [...new Set(found)].join('|') || "''";
}

/** As one word of a shell, whatever is in it. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const wordsOf = (offers: readonly Offer[]): string => quoted(offers.map(([word]) => word).join(' '));

/** The place of a command in the shell's `case`: its first word, or both. */
function placeOf({ name }: Command): string {
  return name.includes(' ') ? quoted(name) : `${quoted(`${name} `)}*`;
}

function bash(commands: readonly Command[]): string {
  const seconds = [...secondWords(commands)].map(
    ([first, offers]) => `    2:${quoted(`${first} `)}*) offered=${wordsOf(offers)} ;;`,
  );
  const places = commands.map((command) => `    *:${placeOf(command)}) offered=${wordsOf(offersOf(command))} ;;`);
  return `# bash completion of event-horizon: source this file, or  eval "$(event-horizon completion bash)"
_event_horizon() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD - 1]}" offered=
  case "$before" in
    ${fileOptions(commands)}) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  case "$COMP_CWORD:\${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
    1:*) offered=${wordsOf(firstWords(commands))} ;;
${[...seconds, ...places].join('\n')}
  esac
  COMPREPLY=($(compgen -W "$offered" -- "$word"))
}
complete -F _event_horizon event-horizon
`;
}

function zsh(commands: readonly Command[]): string {
  const described = (offers: readonly Offer[]): string =>
    offers.map(([word, summary]) => quoted(`${word.replaceAll(':', '\\:')}:${summary}`)).join(' ');
  const seconds = [...secondWords(commands)].map(
    ([first, offers]) => `    3:${quoted(`${first} `)}*) offered=(${described(offers)}) ;;`,
  );
  const places = commands.map((command) => `    *:${placeOf(command)}) offered=(${described(offersOf(command))}) ;;`);
  return `#compdef event-horizon
# zsh completion of event-horizon: a file _event-horizon in a folder of $fpath, or  eval "$(event-horizon completion zsh)"
_event_horizon() {
  local -a offered
  case "\${words[CURRENT - 1]}" in
    ${fileOptions(commands)}) _files; return ;;
  esac
  case "$CURRENT:\${words[2]} \${words[3]}" in
    2:*) offered=(${described(firstWords(commands))}) ;;
${[...seconds, ...places].join('\n')}
  esac
  _describe 'event-horizon' offered
}
if [ "$funcstack[1]" = _event_horizon ]; then _event_horizon "$@"; else compdef _event_horizon event-horizon; fi
`;
}

function fish(commands: readonly Command[]): string {
  const line = (condition: string, more: string, summary: string): string =>
    `complete -c event-horizon -n ${fishQuoted(condition)} ${more} -d ${fishQuoted(summary)}`;
  const first = firstWords(commands).map(([word, summary]) =>
    line('__event_horizon_words 0', `-a ${fishQuoted(word)}`, summary),
  );
  const second = [...secondWords(commands)].flatMap(([family, offers]) =>
    offers.map(([word, summary]) =>
      line(`__event_horizon_words 1; and __event_horizon_at ${family}`, `-a ${fishQuoted(word)}`, summary),
    ),
  );
  const own = commands.flatMap((command) => {
    const condition = `__event_horizon_at ${command.name}`;
    const words = Object.values(command.arguments).flatMap(({ choices = [], summary }) =>
      choices.map((choice) => line(condition, `-a ${fishQuoted(choice)}`, summary)),
    );
    const options = optionsOf(command).map(([name, { type, value, summary }]) => {
      const takes = type === 'boolean' ? '' : value === 'FILE' ? ' -r -F' : ' -x';
      return line(condition, `-l ${name}${takes}`, summary);
    });
    return [...words, ...options];
  });
  return `# fish completion of event-horizon: ~/.config/fish/completions/event-horizon.fish, or
#   event-horizon completion fish | source
function __event_horizon_words
    test (count (commandline -opc)) -eq (math $argv[1] + 1)
end
function __event_horizon_at
    set -l words (commandline -opc)
    set -e words[1]
    string match -q -- "$argv *" "$words "
end
complete -c event-horizon -f
${[...first, ...second, ...own].join('\n')}
`;
}

const fishQuoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
