/** docs/CLIENT.md: every example runs, as it stands, against the demo. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { transform } from 'esbuild';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openPage, useBrowser } from '../browser/browser.ts';
import { startBridgeWithoutBroker } from '../support/bridge.ts';
import { projectFolder, type StartedProcess, startProcess } from '../support/process.ts';

useBrowser();

const documentText = readFileSync(join(projectFolder, 'docs/CLIENT.md'), 'utf8');

interface Example {
  readonly title: string;
  readonly language: string;
  readonly code: string;
}

const examples: readonly Example[] = documentText.split(/^#{2,3} /m).flatMap((section) => {
  const title = section.slice(0, section.indexOf('\n'));
  return [...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', code = '']) => ({
    title,
    language,
    code,
  }));
});

function example(title: string): string {
  const found = examples.find((one) => one.title === title);
  if (found === undefined) throw new Error(`no example under "${title}"`);
  return found.code;
}

/** Of a call, as the examples show it: the simulated PBX always has some. */
const callLine = /\S.* → \S.*: (ringing|talking|held|parked|ended)/;

let folder: string;
beforeAll(async () => {
  // Inside of the project, so that `event-horizon/client` is what the package gives out.
  await mkdir(join(projectFolder, '.cache'), { recursive: true });
  folder = await mkdtemp(join(projectFolder, '.cache/documented-'));
  for (const [name, text] of Object.entries(standIns)) {
    await mkdir(join(folder, 'node_modules', name), { recursive: true });
    await writeFile(
      join(folder, 'node_modules', name, 'package.json'),
      JSON.stringify({ name, type: 'module', exports: { '.': './index.js', './jsx-runtime': './index.js' } }),
    );
    await writeFile(join(folder, 'node_modules', name, 'index.js'), text);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** As much of React and Vue as the examples use: what is rendered is printed. */
const standIns: Readonly<Record<string, string>> = {
  react: `
    const text = (node) => Array.isArray(node) ? node.map(text).join('\\n')
      : typeof node === 'object' && node !== null ? text(typeof node.type === 'function' ? node.type(node.props) : node.props.children)
      : String(node ?? '');
    export const jsx = (type, props) => ({ type, props });
    export const jsxs = jsx;
    export const Fragment = ({ children }) => children;
    let watched = false;
    let render = () => undefined;
    export function useSyncExternalStore(watch, get) {
      if (!watched) watch(() => render());
      watched = true;
      if (get() !== get()) throw new Error('a store whose picture is another at every look');
      return get();
    }
    export function show(component) {
      render = () => console.log(text({ type: component, props: {} }));
      render();
    }`,
  vue: `
    let render = () => undefined;
    export const shallowRef = (value) => ({ get value() { return value; }, set value(next) { value = next; render(); } });
    export const onUnmounted = () => undefined;
    export const h = (type, ...rest) => [rest.at(-1)].flat(9).join('\\n');
    export function show(component) {
      const view = component.setup();
      render = () => console.log(view());
      render();
    }`,
};

/** Runs a module in a process of its own. @param browser whether it is written for a page */
async function run(code: string, address: string, browser = false): Promise<StartedProcess> {
  const file = join(folder, `${Math.random()}.js`);
  await writeFile(file, code.replaceAll('http://127.0.0.1:5555', address));
  const around = join(folder, 'around.js');
  await writeFile(
    around,
    `import { WebSocket } from 'ws';
    const ask = globalThis.fetch;
    globalThis.WebSocket = WebSocket;
    globalThis.fetch = async (url) => {
      if (url !== '/token') return ask(url);
      const { data } = await (await ask('${address}/demo')).json();
      return new Response(data.token);
    };`,
  );
  return startProcess(process.execPath, [...(browser ? ['--import', around] : []), file]);
}

const startDemo = () => startBridgeWithoutBroker({});

test('from nothing to a live list of calls takes 20 lines, wherever it is', () => {
  for (const title of ['In a page', 'In Node', 'React', 'Vue']) {
    expect(example(title).trim().split('\n').length, title).toBeLessThanOrEqual(20);
  }
});

test('in a page of another site', { timeout: 60_000 }, async () => {
  const demo = await startDemo();
  const site = createServer(async (request, response) => {
    if (request.url === '/token') {
      const { data } = (await (await fetch(`${demo.address}/demo`)).json()) as { data: { token: string } };
      response.end(data.token);
    } else {
      response.setHeader('Content-Type', 'text/html; charset=utf-8');
      response.end(example('In a page').replaceAll('http://127.0.0.1:5555', demo.address));
    }
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void site.close());
  const at = site.address() as { port: number };
  const page = await openPage(
    { address: `http://127.0.0.1:${at.port}` },
    { expected: [/favicon/, /asked elsewhere: .*\/client\.js/] },
  );
  await page.locator('#calls li', { hasText: callLine }).first().waitFor();
  await page.locator('#freshness', { hasText: 'Live' }).waitFor({ timeout: 50_000 });
});

test('in Node', { timeout: 60_000 }, async () => {
  const { address } = await startDemo();
  const started = await run(example('In Node'), address);
  await started.text(/^(ringing|talking|held|parked|ended): \S.* → \S/m);
});

test.for([
  ['React', 'react'],
  ['Vue', 'vue'],
] as const)('%s', { timeout: 60_000 }, async ([title, name]) => {
  const { address } = await startDemo();
  const { code } = await transform(example(title), { loader: 'jsx', jsx: 'automatic' });
  const started = await run(`${code}\nimport { show } from '${name}';\nshow(Calls);`, address, true);
  await started.text(callLine);
});

describe('of the rest', () => {
  const others = examples.filter(({ title }) => !['In a page', 'In Node', 'React', 'Vue'].includes(title));

  test.each(others.map((one, index) => [`${one.title} (${index})`, one.code] as const))('%s', async (_title, code) => {
    const { address } = await startDemo();
    const started = await run(
      `import { connect } from 'event-horizon/client';
      import { WebSocket } from 'ws';
      const fetchToken = async () => (await (await fetch('${address}/demo')).json()).data.token;
      const horizon = connect({ url: '${address}', token: fetchToken, WebSocket });
      ${code}
      await horizon.ping();
      console.log('it has run');
      process.exit(0);`,
      address,
    );
    expect(await started.ended()).toMatchObject({ code: 0 });
    expect(started.stdout).toContain('it has run');
    expect(started.stderr).toBe('');
  });
});

test('it tells of all that the library offers', () => {
  const offered = readFileSync(join(projectFolder, 'src/client/types.ts'), 'utf8');
  const members = (name: string): string[] => {
    const [, body = ''] = new RegExp(`^export interface ${name}\\b[^{]*\\{\\n(.*?)^\\}`, 'ms').exec(offered) ?? [];
    return [...body.matchAll(/^ {2}(?:readonly )?(\w+)[?<(:]/gm)].map((match) => match[1] as string);
  };
  const names = ['ConnectOptions', 'SubscribeOptions', 'HorizonEvent', 'Stop', 'Status', 'HorizonEventMap', 'Horizon'];
  const all = names.flatMap(members).filter((name) => !['resume', 'removeEventListener'].includes(name));
  expect(all.length).toBeGreaterThan(30);
  for (const name of all) expect(documentText, name).toMatch(new RegExp(`\\b${name}\\b`));
});

test('it leads nowhere that there isn’t', () => {
  for (const [, file = '', anchor] of documentText.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)) {
    const path = join(projectFolder, 'docs', file);
    expect(existsSync(path), file).toBe(true);
    const heads = [...readFileSync(path, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, head = '']) =>
      head.toLowerCase().replaceAll(' ', '-'),
    );
    if (anchor !== undefined) expect(heads).toContain(anchor);
  }
});
