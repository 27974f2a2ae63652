/** The package as somebody has it who installs it in an empty folder. */
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build as bundle } from 'esbuild';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type InstalledPackage, installPackage } from '../support/package.ts';
import { projectFolder, startProcess } from '../support/process.ts';
import { freePort } from '../support/rabbit.ts';

/** Of a test that starts a demo by way of npm. */
const slow = { timeout: 90_000 };

let installed: InstalledPackage;
beforeAll(async () => {
  installed = await installPackage();
}, 240_000);
afterAll(() => installed?.remove());

const inFolder = (file: string): string => join(installed.folder, file);

/** Runs it there. */
const startThere = (command: string, environment: Record<string, string> = {}) =>
  startProcess('bash', ['-c', `cd '${installed.folder}' && ${command}`], environment);

async function ranThere(command: string, environment: Record<string, string> = {}) {
  const started = startThere(command, environment);
  const { code } = await started.ended();
  return { code, stdout: started.stdout, stderr: started.stderr };
}

describe('the package', () => {
  test('holds the program, the client library with its types, the page, and no more', () => {
    const { files } = installed;
    for (const needed of [
      'dist/cli/event-horizon.js',
      'dist/main.js',
      'dist/client/client.js',
      'dist/client/client.d.ts',
      'dist/browser/client.js',
      'dist/console/index.html',
      'package.json',
      'README.md',
      'LICENSE',
    ]) {
      expect(files).toContain(needed);
    }
    const known = /^(dist\/.*\.js|dist\/client\/.*\.d\.ts|dist\/console\/.*|package\.json|README\.md|LICENSE)$/;
    expect(files.filter((file) => !known.test(file))).toEqual([]);
    expect(files).not.toContain('dist/stale.js');
    expect(files.filter((file) => file.endsWith('.map'))).toEqual([]);
  });

  test('names no address of a registry, and no folder of a machine, in the lock file that it was tested with', () => {
    const lock = readFileSync(join(projectFolder, 'package-lock.json'), 'utf8');
    expect(lock).not.toContain('"resolved"');
    expect(lock).not.toContain('file:');
  });

  test('shows nothing to import but the client library', async () => {
    const { code, stderr } = await ranThere(`node -e "import('event-horizon')"`);
    expect(code).toBe(1);
    expect(stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });
});

describe('installed in an empty folder', () => {
  test('is a program: help, the demo, and who listens to it', slow, async () => {
    const help = await ranThere('npx event-horizon --help');
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('event-horizon COMMAND') });
    const port = String(await freePort());
    const url = `http://127.0.0.1:${port}`;
    const demo = startThere('npx event-horizon serve', { PORT: port });
    await demo.logged('listening');
    expect((await fetch(url)).status).toBe(200);
    expect(await (await fetch(`${url}/client.js`)).text()).toContain('export');
    const heard = await ranThere('npx event-horizon listen --count 2', { EVENT_HORIZON_URL: url });
    expect(heard).toMatchObject({ code: 0, stdout: expect.stringMatching(/^(\d\d:\d\d:\d\d\.\d{3} .*\n){2}$/) });
  });
});

const program = `import { connect, HorizonError } from 'event-horizon/client';

export function listen(options) {
  return new Promise((resolve, reject) => {
    const horizon = connect(options);
    horizon.addEventListener('error', ({ error }) => reject(error instanceof HorizonError ? error : new Error('odd')));
    horizon.subscribe('call.*.*', (event) => {
      horizon.close();
      resolve(event.name);
    });
  });
}
`;

describe('the client library', () => {
  /** What it hears of a demo, with Node 20's missing WebSocket given. */
  const heardBy = async (file: string) => {
    const port = String(await freePort());
    const url = `http://127.0.0.1:${port}`;
    await startThere('npx event-horizon serve', { PORT: port }).logged('listening');
    const script = `import { WebSocket } from 'ws';
import { listen } from ${JSON.stringify(`./${file}`)};
const { data } = await (await fetch('${url}/demo')).json();
console.log(await listen({ url: '${url}', token: data.token, WebSocket }));
process.exit();`;
    await writeFile(inFolder('hear.js'), script);
    return ranThere('node hear.js');
  };
  const anEvent = { code: 0, stdout: expect.stringMatching(/^(CHANNEL|PARK)_[A-Z]+\n$/), stderr: '' };

  test('is imported by Node', slow, async () => {
    await writeFile(inFolder('program.js'), program);
    expect(await heardBy('program.js')).toMatchObject(anEvent);
  });

  test.each([
    [
      'Vite',
      (outDir: string) =>
        build({
          root: installed.folder,
          configFile: false,
          logLevel: 'warn',
          build: { outDir, lib: { entry: 'program.js', formats: ['es'], fileName: () => 'program.js' } },
        }),
    ],
    [
      'esbuild',
      (outDir: string) =>
        bundle({
          absWorkingDir: installed.folder,
          entryPoints: ['program.js'],
          outdir: outDir,
          bundle: true,
          minify: true,
          format: 'esm',
          platform: 'browser',
          logLevel: 'warning',
        }),
    ],
  ])('is bundled for browsers by %s: one file that needs nothing else', slow, async (name, make) => {
    await writeFile(inFolder('program.js'), program);
    const folder = `bundled-by-${name.toLowerCase()}`;
    await make(folder);
    const text = readFileSync(inFolder(`${folder}/program.js`), 'utf8');
    expect(text).not.toMatch(/\b(import\s*[({'"]|require\(|node:|process\.)/);
    expect(statSync(inFolder(`${folder}/program.js`)).size).toBeLessThan(64 * 1024);
    expect(await heardBy(`${folder}/program.js`)).toMatchObject(anEvent);
  });

  test.each([
    ['bundler', 'esnext'],
    ['node16', 'node16'],
    ['nodenext', 'nodenext'],
  ])('has types for moduleResolution %s', async (moduleResolution, module) => {
    const consumer = `import { connect, type Horizon, HorizonError } from 'event-horizon/client';

const horizon: Horizon = connect({ url: 'wss://events.example.com/', token: async () => 'token', account: 'acme' });
const stop = horizon.subscribe('call.CHANNEL_ANSWER.*', ({ name, data, replayed }) => {
  const answered: 'CHANNEL_ANSWER' = name;
  const number: string | undefined = data.caller_id_number;
  console.log(answered, number, replayed, data.whatever_else satisfies unknown);
}, { filter: { 'Call-Direction': 'inbound' }, once: true });
stop.ready.catch((error: unknown) => console.log(error instanceof HorizonError ? error.code : error));
horizon.addEventListener('gap', ({ accounts }) => console.log(accounts.length));
const { result, partial } = await horizon.query('channels');
console.log(result.map((entry) => entry.uuid), partial satisfies boolean);
// @ts-expect-error an address is needed
connect({ token: 'x' });
// @ts-expect-error it is no text
stop satisfies string;
`;
    const folder = `types-${moduleResolution}`;
    const options = {
      module,
      moduleResolution,
      target: 'es2022',
      lib: ['es2023', 'dom'],
      types: [],
      strict: true,
      noEmit: true,
    };
    await writeFile(inFolder(`${folder}.ts`), consumer);
    await writeFile(inFolder(`${folder}.json`), JSON.stringify({ compilerOptions: options, files: [`${folder}.ts`] }));
    const tsc = join(projectFolder, 'node_modules', '.bin', 'tsc');
    const { status, stdout } = spawnSync(tsc, ['-p', inFolder(`${folder}.json`)], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });
});
