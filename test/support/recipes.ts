/** The recipes of docs/ARCHITECTURE.md: files to be written, and lines to be changed in files that are there. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A fenced block whose first line names a file: ```` ```ts src/x.ts ```` is the file, ```` ```diff src/x.ts ```` a change of it. */
interface Block {
  readonly kind: 'ts' | 'diff';
  readonly file: string;
  readonly text: string;
}

/** @returns the blocks of each `### A new …`, by what is new */
export function readRecipes(): ReadonlyMap<string, readonly Block[]> {
  const [, ...sections] = readFileSync('docs/ARCHITECTURE.md', 'utf8').split(/^### A new /m);
  return new Map(
    sections.map((section) => {
      const blocks = section.matchAll(/^```(ts|diff) (\S+)\n(.*?)^```$/gms);
      const title = section.slice(0, section.indexOf('\n'));
      return [title, [...blocks].map(([, kind, file, text]) => ({ kind, file, text }) as Block)];
    }),
  );
}

/** A copy of the house in which its recipes were followed; it goes when the test ends. @returns its folder */
export function copyHouse(recipes: Iterable<readonly Block[]>): string {
  // Below the project's folder, so that packages are found from there.
  mkdirSync('.cache', { recursive: true });
  const folder = mkdtempSync(join(process.cwd(), '.cache', 'house-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const part of ['src', 'package.json', 'tsconfig.json']) cpSync(part, join(folder, part), { recursive: true });
  for (const blocks of recipes) for (const block of blocks) follow(block, folder);
  return folder;
}

function follow({ kind, file, text }: Block, folder: string): void {
  const path = join(folder, file);
  if (kind === 'ts') {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { flag: 'wx' });
    return;
  }
  const lines = text.split('\n').slice(0, -1);
  const side = (left: string): string =>
    lines
      .filter((line) => !line.startsWith(left))
      .map((line) => `${line.slice(1)}\n`)
      .join('');
  const [before, after] = [side('+'), side('-')];
  const source = readFileSync(path, 'utf8');
  const times = source.split(before).length - 1;
  if (times !== 1) throw new Error(`${file} has ${times} times what the recipe says it has once:\n${before}`);
  writeFileSync(
    path,
    source.replace(before, () => after),
  );
}
