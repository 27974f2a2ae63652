import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { commandExits } from '../../src/cli/failure.ts';
import { settingsSchema } from '../../src/config.ts';
import { actionErrors, closeReasons } from '../../src/errors.ts';

const read = (file: string): string => readFileSync(file, 'utf8');

describe('docs/PROTOCOL.md', () => {
  const protocol = read('docs/PROTOCOL.md');

  test('lists every error code, and none that there isn’t', () => {
    const listed = [...protocol.matchAll(/^\| `([a-z_]+)` \| (?!required|optional)[^|]+\|[^|]*\|$/gm)].map((m) => m[1]);
    const codes = listed.filter((name) => name !== undefined && !name.startsWith('data'));
    expect(codes.filter((code) => code !== 'subscribe' && code !== 'unsubscribe').sort()).toEqual(
      Object.keys(actionErrors).sort(),
    );
  });

  test('lists every close code, and none that there isn’t', () => {
    const listed = [...protocol.matchAll(/^\| (\d{4}) \|/gm)].map((match) => Number(match[1]));
    // 1008 has several reasons.
    expect(listed.sort()).toEqual([...new Set(Object.values(closeReasons).map(({ code }) => code))].sort());
  });
});

/** Settings that bound something. */
const limitNames = /^(MAX_|RATE_|REST_RATE_|SLOW_CONSUMER_|HISTORY_(RING|MAX)_|AUTH_TIMEOUT|PING_|PONG_)/;

test.each(Object.keys(settingsSchema.shape).filter((name) => limitNames.test(name)))(
  'SECURITY.md says what becomes of who passes %s',
  (name) => {
    expect(read('SECURITY.md')).toContain(`\`${name}\``);
  },
);

test('docs/ARCHITECTURE.md names every room', () => {
  const plan = read('docs/ARCHITECTURE.md');
  const rooms = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of rooms) expect(plan, name).toContain(`\`${name}/\``);
});

test('every file that docs/ARCHITECTURE.md speaks of is there', () => {
  const [prose] = read('docs/ARCHITECTURE.md').split('### A new action');
  const named = [...(prose as string).matchAll(/`([\w/-]+\.ts)`/g)].map((match) => match[1] as string);
  expect(named.length).toBeGreaterThan(15);
  for (const file of named)
    expect(
      [file, `src/${file}`].some((path) => existsSync(path)),
      file,
    ).toBe(true);
});

describe('docs/COMMAND-LINE.md', () => {
  const rows = [...read('docs/COMMAND-LINE.md').matchAll(/^\| ([^|]+) \|/gm)].map((match) => match[1] as string);

  test('lists every command, and none that there isn’t', () => {
    const listed = rows.flatMap((cell) => [...cell.matchAll(/`([a-z][^`]*)`/g)].map((match) => match[1] as string));
    const names = commands.map(({ name }) => name);
    const commandOf = (text: string): string =>
      names.find((name) => text === name || text.startsWith(`${name} `)) ?? `none: ${text}`;
    expect([...new Set(listed.map(commandOf))].sort()).toEqual(names.toSorted());
  });

  test('lists every exit code', () => {
    const codes = rows.filter((cell) => /^\d$/.test(cell)).map(Number);
    expect(codes).toEqual(Object.values(commandExits));
  });
});

describe('README.md', () => {
  const readme = read('README.md');

  test('shows on its first screen how the demo’s events are seen', () => {
    const screen = readme.split('\n').slice(0, 24).join('\n');
    expect(screen).toMatch(/npm ci && npm start[\s\S]*npx event-horizon listen/);
  });

  /** Setting and default, cell by cell. */
  const rows = [...readme.matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+) \|([^|]*)\|/gm)].flatMap(([, names, defaults]) => {
    const values = (defaults as string).split(', ').map((value) => value.trim());
    return [...(names as string).matchAll(/`([A-Z_]+)`/g)].map(([, name], index, all) => {
      return [name as string, all.length > 1 ? values[index] : values.join(', ')] as const;
    });
  });

  test('lists every setting, and none that there isn’t', () => {
    const own = Object.keys(settingsSchema.shape);
    expect(rows.map(([name]) => name).sort()).toEqual(own.sort());
  });

  test('lists every default that is a number or a word', () => {
    const defaults = Object.entries(settingsSchema.parse({})).filter(
      ([name, value]) => name !== 'NODE_NAME' && ['number', 'string'].includes(typeof value),
    );
    expect(defaults.length).toBeGreaterThan(15);
    const listed = new Map(rows);
    for (const [name, value] of defaults) {
      expect(listed.get(name)?.replaceAll('`', ''), `the default of ${name}`).toBe(String(value));
    }
  });
});

test.each([
  'README.md',
  'CHANGELOG.md',
  'SECURITY.md',
  'docs/PROTOCOL.md',
  'docs/EVENTS.md',
  'docs/ARCHITECTURE.md',
  'docs/OPERATIONS.md',
  'docs/KAZOO.md',
  'docs/COMMAND-LINE.md',
  'docs/benchmarks.md',
])('%s leads nowhere that there isn’t', (file) => {
  const folder = file.includes('/') ? 'docs/' : '';
  const links = [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)(?:#[^)]*)?\)/g)].map(
    (match) => match[1] as string,
  );
  for (const link of links) expect(existsSync(folder + link), `${file} leads to ${link}`).toBe(true);
});

test('what a build consists of stands once in package.json: all that need one ask for it', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const building = Object.keys(scripts).filter((name) => scripts[name]?.includes('vite build'));
  expect(building).toEqual(['build']);
  for (const name of ['prestart', 'pretest', 'prepack']) expect(scripts[name]).toMatch(/\bnpm run (-s )?build$/);
});
