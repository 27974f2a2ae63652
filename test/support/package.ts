/** The package as npm makes it, and a folder in which somebody has installed it. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { projectFolder } from './process.ts';

const run = promisify(execFile);

/** What a package is not made of. */
const leftOut = new Set(['node_modules', 'dist', '.git', '.cache', 'test', 'docs', 'deploy', 'haproxy', 'coverage']);

const packed = z.array(z.object({ filename: z.string(), files: z.array(z.object({ path: z.string() })) })).length(1);

export interface InstalledPackage {
  /** Where it is installed: `node_modules` and a `package.json` of somebody else's. */
  readonly folder: string;
  /** What is in the package, sorted. */
  readonly files: readonly string[];
  remove(): Promise<void>;
}

/** Makes the package in a copy of the project (the tests beside this one use `dist`), and installs it in an empty folder. */
export async function installPackage(): Promise<InstalledPackage> {
  // Below the project's folder, so that what builds it is found from there.
  await mkdir(join(projectFolder, '.cache'), { recursive: true });
  const house = await mkdtemp(join(projectFolder, '.cache', 'package-'));
  const folder = await mkdtemp(join(tmpdir(), 'event-horizon-installed-'));
  const remove = async (): Promise<void> => {
    for (const path of [house, folder]) await rm(path, { recursive: true, force: true });
  };
  try {
    for (const name of await readdir(projectFolder)) {
      if (!leftOut.has(name)) await cp(join(projectFolder, name), join(house, name), { recursive: true });
    }
    // What an earlier build has left behind is in no package.
    await mkdir(join(house, 'dist'));
    await writeFile(join(house, 'dist', 'stale.js'), '');
    const { stdout } = await run('npm', ['pack', '--json'], { cwd: house, maxBuffer: 2 ** 26 });
    // `prepack` may print something before it.
    const [made] = packed.parse(JSON.parse(stdout.slice(stdout.indexOf('[\n'))));
    if (made === undefined) throw new Error('npm made no package');
    await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    const options = ['--prefer-offline', '--no-audit', '--no-fund'];
    await run('npm', ['install', ...options, join(house, made.filename)], { cwd: folder, maxBuffer: 2 ** 26 });
    return { folder, files: made.files.map(({ path }) => path).sort(), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
