/** Shows a list: once, or again and again for as long as somebody looks. */
import { messageOf } from '../errors.ts';
import { Failure } from './failure.ts';
import { type Found, type List, type ListName, lists } from './lists.ts';
import { Server, shownUrl } from './server.ts';
import type { ServerOptions } from './server-options.ts';
import { cut, type Paint, paintFor, printableJson, tableOf } from './terminal.ts';
import { spanMs } from './values.ts';

interface Options extends ServerOptions {
  readonly watch?: boolean | undefined;
  readonly every?: string | undefined;
  readonly json?: boolean | undefined;
}

/** @throws Failure */
export async function show(name: ListName, options: Options): Promise<void> {
  const list: List = lists[name];
  const server = new Server(options, process.env);
  const everyMs = spanMs('--every', options.every ?? '2s');
  const print = options.json ? printJson : (found: Found) => printTable(list, found);
  if (!options.watch) return print(await list.find(server));
  if (process.stdout.isTTY && !options.json) return watchScreen(list, server, everyMs);
  let told: string | undefined;
  for await (const { found, at, fault } of looks(list, server, everyMs)) {
    // What was printed stays as it is; why nothing follows is said once.
    if (fault === undefined) print(found);
    else if (fault !== told) process.stderr.write(`${outOfDate(at, fault)}\n`);
    told = fault;
  }
}

function printJson({ data, missing }: Found): void {
  process.stdout.write(`${printableJson(JSON.stringify(data))}\n`);
  if (missing !== undefined) process.stderr.write(`${missing}\n`);
}

function printTable(list: List, { data, missing }: Found): void {
  const paint = paintFor(process.stdout.isTTY, process.env);
  const rows = list.rowsOf(data);
  if (rows.length === 0) process.stdout.write(`no ${list.names[1]}\n`);
  else process.stdout.write(`${tableOf(list.columns, rows, paint).join('\n')}\n`);
  if (missing !== undefined) process.stderr.write(`${missing}\n`);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const outOfDate = (at: Date, fault: string): string => `out of date since ${at.toLocaleTimeString()}: ${fault}`;

interface Look {
  readonly found: Found;
  /** When it was found. */
  readonly at: Date;
  /** Why nothing was found since. */
  readonly fault: string | undefined;
}

/** Looks again and again. @throws Failure where nothing can be had at first, and where that stays so */
async function* looks(list: List, server: Server, everyMs: number): AsyncGenerator<Look, never> {
  let look: Look = { found: await list.find(server), at: new Date(), fault: undefined };
  for (;;) {
    yield look;
    await pause(everyMs);
    try {
      look = { found: await list.find(server), at: new Date(), fault: undefined };
    } catch (error) {
      // A token that is refused stays so; who can't be reached may come back.
      if (error instanceof Failure && error.kind !== 'unreachable' && error.kind !== 'fault') throw error;
      look = { ...look, fault: messageOf(error) };
    }
  }
}

/** The other screen of a terminal, without the cursor; and back. */
const enterScreen = '\u001B[?1049h\u001B[?25l';
const leaveScreen = '\u001B[?25h\u001B[?1049l';
const home = '\u001B[H';
const eraseLine = '\u001B[K';
const eraseRest = '\u001B[J';

async function watchScreen(list: List, server: Server, everyMs: number): Promise<void> {
  const all = looks(list, server, everyMs);
  // What can't be had at all is said before the screen is taken.
  let { value: last } = await all.next();
  const paint = paintFor(true, process.env);
  process.stdout.write(enterScreen);
  const leave = (): void => {
    process.stdout.write(leaveScreen);
    process.exit(0);
  };
  process.once('SIGINT', leave);
  process.once('SIGTERM', leave);
  const draw = (): void => {
    const { columns = 80, rows = 24 } = process.stdout;
    const lines = screenOf(list, server, last, last.fault, paint, { columns, rows });
    process.stdout.write(`${home}${lines.join(`${eraseLine}\n`)}${eraseLine}${eraseRest}`);
  };
  process.stdout.on('resize', draw);
  try {
    draw();
    for await (last of all) draw();
  } finally {
    process.stdout.write(leaveScreen);
  }
}

/** What stands on a terminal of that size: what it is and of when, and as much of the table as there is room for. */
export function screenOf(
  list: List,
  server: Pick<Server, 'url'>,
  { found, at }: { readonly found: Found; readonly at: Date },
  fault: string | undefined,
  paint: Paint,
  { columns, rows }: { readonly columns: number; readonly rows: number },
): string[] {
  const cells = list.rowsOf(found.data);
  const count = `${cells.length} ${list.names[cells.length === 1 ? 0 : 1]}`;
  const head = `${count} · ${at.toLocaleTimeString()} · ${shownUrl(server.url)} · Ctrl-C ends`;
  const room = Math.max(1, rows - 4);
  const rest = cells.length > room ? [paint.dim(`… and ${cells.length - room} more`)] : [];
  const note = fault === undefined ? found.missing : outOfDate(at, fault);
  return [
    paint.bold(cut(head, columns)),
    paint.red(cut(note ?? '', columns)),
    ...tableOf(list.columns, cells.slice(0, room), paint, columns),
    ...rest,
  ];
}
