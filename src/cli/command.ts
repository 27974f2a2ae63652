/** What a command of `event-horizon` is: help, completion and the reading of its arguments are made from it. */

/** An option of a command, `--NAME`. */
export interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** It may be given several times. */
  readonly multiple?: true;
  /** What stands for its value in help: `URL`. */
  readonly value?: string;
  readonly summary: string;
  /** The only values that it may have. */
  readonly choices?: readonly string[];
}
export type Options = Readonly<Record<string, Option>>;

/** A word that is no option. An optional or repeated one is the last. */
export interface Argument {
  readonly summary: string;
  readonly isOptional?: true;
  /** Any number of words, none included. */
  readonly isRepeated?: true;
  readonly choices?: readonly string[];
}
/** By what stands for them in help, in their order. */
export type Arguments = Readonly<Record<string, Argument>>;

export type OptionValues<O extends Options> = {
  readonly [Name in keyof O]?:
    | (O[Name]['type'] extends 'boolean' ? boolean : O[Name] extends { multiple: true } ? readonly string[] : string)
    | undefined;
};

export type ArgumentValues<A extends Arguments> = {
  readonly [Name in keyof A]: A[Name] extends { isRepeated: true }
    ? readonly string[]
    : A[Name] extends { isOptional: true }
      ? string | undefined
      : string;
};

/** What a command was called with. */
export interface Given<A extends Arguments = Arguments, O extends Options = Options> {
  readonly args: ArgumentValues<A>;
  readonly options: OptionValues<O>;
}

export const groups = ['What happens and what is', 'Calls and sockets', 'The server', 'The bus'] as const;

interface Definition<A extends Arguments, O extends Options> {
  /** One word, or two: `bus listen`. */
  readonly name: string;
  readonly group: (typeof groups)[number];
  /** One line. */
  readonly summary: string;
  /** What else is to be known, in paragraphs. */
  readonly details?: string;
  readonly arguments: A;
  readonly options: O;
  /** Lines to be typed, and what each does. */
  readonly examples: readonly (readonly [line: string, does: string])[];
  /** What help shows behind all that, when it has to be made first. */
  more?(): Promise<string>;
  /**
   * It decides itself how the process ends, and what becomes of it when nobody reads its output.
   * @default false: the process ends when `run` is done, quietly where its output is cut off
   */
  readonly ownsProcess?: true;
  /** @throws Failure */
  run(given: Given<A, O>): Promise<void>;
}

export type Command = Definition<Arguments, Options>;

/** A command for the table, which holds commands of any arguments and options: whoever runs one has read its own. */
export function command<const A extends Arguments, const O extends Options>(definition: Definition<A, O>): Command {
  return definition as unknown as Command;
}
