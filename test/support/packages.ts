/** What the tests need beyond npm: found on this machine, or installed with apt-get, saying so. */
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A program, or a library, from a Debian package. */
export interface Program {
  readonly name: string;
  readonly debianPackage: string;
  /** Where the package puts it. */
  readonly path: string;
}

export const rabbitmqServer: Program = {
  name: 'RabbitMQ',
  debianPackage: 'rabbitmq-server',
  // The one that runs as whoever starts it; the one on the PATH changes to a user of its own.
  path: '/usr/lib/rabbitmq/bin/rabbitmq-server',
};

export const haproxy: Program = { name: 'HAProxy', debianPackage: 'haproxy', path: '/usr/sbin/haproxy' };

const multiarch: Readonly<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };

/** A library to be preloaded: a process sees a wall clock that the test sets. */
export const faketime: Program = {
  name: 'libfaketime',
  debianPackage: 'libfaketime',
  path: `/usr/lib/${multiarch[process.arch] ?? process.arch}/faketime/libfaketimeMT.so.1`,
};

export const chromium: Program = { name: 'Chromium', debianPackage: 'chromium', path: '/usr/bin/chromium' };

let updated: Promise<unknown> | undefined;

/** @throws Error with one sentence that says what to install, where this machine can't do it itself */
export async function ensureInstalled(programs: readonly Program[]): Promise<void> {
  const missing: Program[] = [];
  for (const program of programs) if (!(await isThere(program))) missing.push(program);
  if (missing.length === 0) return;
  const packages = missing.map(({ debianPackage }) => debianPackage);
  const names = missing.map(({ name }) => name).join(', ');
  process.stdout.write(`Installing what the tests need: ${names} (apt-get install ${packages.join(' ')})\n`);
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    updated ??= run('apt-get', ['update'], { env });
    await updated;
    await run('apt-get', ['install', '-y', '--no-install-recommends', ...packages], { env, maxBuffer: 2 ** 26 });
  } catch (error) {
    throw new Error(`The tests need ${names}: run "apt-get install ${packages.join(' ')}" as root, then again.`, {
      cause: error,
    });
  }
}

async function isThere({ path }: Program): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}
