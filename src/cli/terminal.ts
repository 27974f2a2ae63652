/** What people see: colours where there is a terminal, tables, and texts of strangers made harmless. Pure. */

/** Paints a text for a terminal, or leaves it as it is. */
export interface Paint {
  dim(text: string): string;
  bold(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

const codes = { dim: 2, bold: 1, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/**
 * @param isTerminal whether a person looks at it
 * @param environment `NO_COLOR` (https://no-color.org) and a dumb terminal want none
 */
export function paintFor(isTerminal: boolean, environment: Readonly<Record<string, string | undefined>>): Paint {
  const isWanted = isTerminal && !environment.NO_COLOR && environment.TERM !== 'dumb';
  const painter = (name: keyof typeof codes) => (text: string) =>
    isWanted && text !== '' ? `\u001B[${codes[name]}m${text}\u001B[0m` : text;
  return {
    dim: painter('dim'),
    bold: painter('bold'),
    red: painter('red'),
    green: painter('green'),
    yellow: painter('yellow'),
    cyan: painter('cyan'),
  };
}

/**
 * A text of a stranger (whoever calls chooses his name) as it may go to a terminal: characters that steer one, end a line
 * or turn the direction of writing are shown by their numbers.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u200E\u200F\u061C\u202A-\u202E\u2066-\u2069]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/** Of those that steer a terminal JSON leaves some as they are. */
const steering = /[\u007F-\u009F\u200E\u200F\u061C\u2028-\u202E\u2066-\u2069]/g;

/**
 * The same JSON, in which no text steers a terminal.
 * @param text JSON in one line
 */
export function printableJson(text: string): string {
  return text.replaceAll(steering, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A value of somebody's JSON, in a cell or a line. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return '';
  return printable(typeof value === 'object' ? JSON.stringify(value) : String(value));
}

/** A column of a table: what stands above it, and how a cell of it is painted. */
export interface Column {
  readonly head: string;
  readonly isNumber?: true;
  paint?(cell: string, paint: Paint): string;
}

const gap = '  ';

/** Letters that take a place: marks that stand above others take none. */
const widthOf = (text: string): number => [...text.replaceAll(/\p{M}/gu, '')].length;

/** A line with no more places than these. */
export function cut(text: string, places: number): string {
  const letters = [...text];
  if (letters.length <= places) return text;
  return places < 1 ? '' : `${letters.slice(0, places - 1).join('')}…`;
}

/**
 * @param places of a line: what is beyond them is cut off
 * @returns the lines of a table, its head first
 */
export function tableOf(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  paint: Paint,
  places = Number.POSITIVE_INFINITY,
): string[] {
  const widths = columns.map(({ head }, index) =>
    Math.max(widthOf(head), ...rows.map((row) => widthOf(row[index] ?? ''))),
  );
  const starts = widths.map((_, index) => widths.slice(0, index).reduce((sum, width) => sum + width + gap.length, 0));
  const lineOf = (cells: readonly string[], painted: (cell: string, column: Column) => string): string =>
    columns
      .map((column, index) => {
        const cell = cells[index] ?? '';
        const space = ' '.repeat((widths[index] ?? 0) - widthOf(cell));
        const padded = column.isNumber ? space + cell : cell + space;
        const isLast = index === columns.length - 1;
        const room = places - (starts[index] ?? 0);
        const own = cut(isLast ? padded.trimEnd() : padded, room);
        return own === '' ? '' : painted(own, column) + (isLast ? '' : cut(gap, room - widthOf(own)));
      })
      .join('');
  return [
    paint.dim(
      lineOf(
        columns.map(({ head }) => head),
        (cell) => cell,
      ),
    ),
    ...rows.map((row) => lineOf(row, (cell, column) => column.paint?.(cell, paint) ?? cell)),
  ];
}

/** A time span as it stands in tables: `0:07`, `12:03`, `1:02:03`. */
export function spanOf(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number): string => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** `12:03:44.512`, in the reader's own zone. */
export function timeOf(at: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':');
  return `${clock}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}
