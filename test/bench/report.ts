/** What comes out: tables on the screen, `docs/benchmarks.json`, the figures' part of `docs/benchmarks.md`, and a plot. */

import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { plot } from './plot.ts';
import type { Table } from './scenarios/scenario.ts';
import { shown } from './statistics.ts';

const jsonFile = 'docs/benchmarks.json';
const markdownFile = 'docs/benchmarks.md';
const plotFile = 'docs/images/benchmarks.svg';
const begin = '<!-- figures: written by npm run bench -->';
const end = '<!-- end of figures -->';

export interface Figures {
  readonly machine: string;
  readonly date: string;
  readonly tables: Readonly<Record<string, readonly Table[]>>;
}

export function asMarkdown(table: Table): string {
  const head = ['', ...table.columns];
  const lines = table.rows.map(({ name, values }) => [
    name,
    ...values.map((v) => (typeof v === 'number' ? shown(v) : v)),
  ]);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = line(head.map((_, index) => (index === 0 ? '---' : '---:')));
  return [`### ${table.title}`, '', table.note, '', line(head), rule, ...lines.map(line), ''].join('\n');
}

/** Scenarios that were not run keep the figures that they have. */
export async function writeReport(scenario: string, tables: readonly Table[]): Promise<void> {
  const before = await readFile(jsonFile, 'utf8').then(
    (text) => JSON.parse(text) as Figures,
    () => undefined,
  );
  const figures: Figures = {
    machine: `${cpus().length} cores, Node ${process.version}`,
    date: new Date().toISOString().slice(0, 10),
    tables: { ...before?.tables, [scenario]: tables },
  };
  await writeFile(jsonFile, `${JSON.stringify(figures, null, 2)}\n`);
  await writeFile(plotFile, plot(figures));
  await writeMarkdown(figures);
}

async function writeMarkdown(figures: Figures): Promise<void> {
  const text = await readFile(markdownFile, 'utf8').catch(() => `# Benchmarks\n\n${begin}\n${end}\n`);
  const from = text.indexOf(begin) + begin.length;
  const to = text.indexOf(end);
  const body = Object.values(figures.tables).flat().map(asMarkdown).join('\n');
  await writeFile(
    markdownFile,
    `${text.slice(0, from)}\n\nMeasured on ${figures.machine}, ${figures.date}.\n\n${body}\n${text.slice(to)}`,
  );
}
