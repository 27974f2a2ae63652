import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { expect, test } from 'vitest';

const source = 'src';

/**
 * The rooms of the house, from the outermost inwards. A file imports from its own room and from rooms further in; edges
 * that stand in one line never import each other.
 */
const rooms: readonly (readonly string[])[] = [
  ['main.ts', 'cli'],
  ['serve.ts'],
  ['workers'],
  ['app.ts', 'start-warnings.ts'],
  ['app-settings.ts'],
  ['stage.ts'],
  ['event-source.ts'],
  ['socket', 'http', 'amqp', 'embedded-bus', 'demo'],
  ['simulator'],
  ['cluster', 'intake.ts', 'parts.ts', 'protocol-document.ts'],
  ['actions', 'router.ts'],
  ['commands'],
  ['queries'],
  ['replay'],
  ['registry'],
  ['session'],
  ['auth'],
  ['metrics.ts'],
  ['rare-log.ts'],
  ['log.ts'],
  ['log-output.ts'],
  ['config.ts'],
  ['setting-types.ts', 'setting-rules.ts'],
  ['event-reader.ts'],
  ['dialects', 'payload.ts', 'history'],
  ['bus.ts'],
  ['families', 'protocol'],
  ['setting-defaults.ts'],
  ['filters'],
  ['keyed-buckets.ts', 'payload-steps.ts', 'shared.ts'],
  [
    'errors.ts',
    'clock.ts',
    'deadline.ts',
    'gregorian.ts',
    'json-bytes.ts',
    'normalized-key.ts',
    'raw-answer.ts',
    'slack.ts',
    'token-bucket.ts',
    'turnstile.ts',
    'version.ts',
  ],
];

/** Programs of their own, which know nothing of the server, nor it of them; and the rooms that may import each. */
const programs: Readonly<Record<string, readonly string[]>> = { console: [], client: ['cli', 'console'] };

/** Packages that one room alone may use. */
const ownPackages: Readonly<Record<string, readonly string[]>> = {
  ws: ['socket', 'cli'],
  amqplib: ['amqp', 'cli'],
  fastify: ['http'],
  '@fastify/static': ['http'],
  '@fastify/cors': ['http'],
  '@fastify/swagger': ['http'],
  'fastify-type-provider-zod': ['http'],
  smqp: ['embedded-bus'],
  jose: ['auth'],
  pino: ['log.ts'],
  'pino-pretty': ['log.ts'],
  'prom-client': ['metrics.ts', 'workers'],
  preact: ['console'],
  'preact/hooks': ['console'],
  '@preact/signals': ['console'],
  uplot: ['console'],
};

/** Files that read or end the process. */
const processRooms = ['main.ts', 'serve.ts', 'workers', 'cli'];

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file));

function testFiles(): string[] {
  return readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join('test', file));
}

function roomOf(file: string): string {
  return file.split(sep)[0] as string;
}

function depthOf(room: string): number {
  const depth = rooms.findIndex((row) => row.includes(room));
  expect(depth, `${room} has no place in the house`).toBeGreaterThanOrEqual(0);
  return depth;
}

/** Whether a room's files may import another room's. */
function mayImport(room: string, imported: string): boolean {
  const importers = programs[imported];
  if (importers !== undefined) return importers.includes(room);
  return programs[room] === undefined && depthOf(imported) > depthOf(room);
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(source, file), 'utf8');
  const statements = text.matchAll(/^(?:import|export)\b[^;]*?\bfrom '([^']+)';/gms);
  const others = text.matchAll(/^import '([^']+)';|\bimport\('([^']+)'\)/gm);
  return [...statements, ...others].map(([, ...names]) => names.find((name) => name !== undefined) as string);
}

test.each(files)('%s imports inwards only', (file) => {
  const room = roomOf(file);
  for (const target of importsOf(file).filter((name) => name.startsWith('.'))) {
    const imported = roomOf(relative(source, join(source, dirname(file), target)));
    if (imported === room) continue;
    expect(mayImport(room, imported), `${file} may import ${imported}`).toBe(true);
  }
});

test('the console knows the client library and nothing of the server; beside it the command line alone knows the library', () => {
  const all = [...rooms.flat(), ...Object.keys(programs)];
  const importedBy = (room: string) => all.filter((imported) => imported !== room && mayImport(room, imported));
  const importersOf = (room: string) => all.filter((importer) => importer !== room && mayImport(importer, room));
  expect(importedBy('console')).toEqual(['client']);
  expect(importersOf('console')).toEqual([]);
  expect(importedBy('client')).toEqual([]);
  expect(importersOf('client')).toEqual(['cli', 'console']);
});

test.each(files)('%s uses only the packages that are its room’s', (file) => {
  for (const name of importsOf(file)) {
    const allowed = ownPackages[name];
    if (allowed !== undefined) expect(allowed, `${file} imports ${name}`).toContain(roomOf(file));
  }
});

test.each(files)('%s leaves the process alone unless it is the process', (file) => {
  const text = readFileSync(join(source, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
  if (!processRooms.includes(roomOf(file))) expect(text).not.toMatch(/\bprocess\.(?!hrtime)/);
});

test('an ordinary server loads neither the simulated PBX nor the embedded bus', () => {
  const loaded = new Set(['main.ts']);
  for (const file of loaded) {
    const text = readFileSync(join(source, file), 'utf8');
    for (const [, target = ''] of text.matchAll(/^(?:import|export)\b(?! type\b)[^;]*?\bfrom '(\.[^']+)';/gms)) {
      loaded.add(relative(source, join(source, dirname(file), target)));
    }
  }
  expect(loaded).toContain(join('amqp', 'rabbit-bus.ts'));
  expect([...loaded].filter((file) => ['simulator', 'embedded-bus'].includes(roomOf(file)))).toEqual([]);
});

const everyText = [...files.map((file) => join(source, file)), ...testFiles()].map(
  (file) => [file, readFileSync(file, 'utf8')] as const,
);

test.each(files)('%s exports nothing that nobody else uses', (file) => {
  const own = join(source, file);
  const text = readFileSync(own, 'utf8');
  for (const [, name] of text.matchAll(/^export (?:async )?(?:const|function|class) (\w+)/gm)) {
    const word = new RegExp(`\\b${name}\\b`);
    expect(
      everyText.some(([other, content]) => other !== own && word.test(content)),
      `${name} is used by ${file} alone`,
    ).toBe(true);
  }
});

/** All texts stand in one file, however many they are: whoever translates them translates one. */
const oneFile = join('console', 'words.ts');

test.each(files.filter((file) => file !== oneFile))('%s has at most 300 lines', (file) => {
  expect(readFileSync(join(source, file), 'utf8').split('\n').length).toBeLessThanOrEqual(301);
});
