/** Lists as they are shown where no terminal is: what goes to standard output, and what beside it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { show } from '../../src/cli/show.ts';

type Reply = object | 'cut' | 401;

/** Shows a list of a server that answers so, one answer after the other. @returns what was printed */
async function shown(replies: readonly Reply[], options: object) {
  const left = [...replies];
  const server = createServer((_, response) => {
    const reply = left.shift() ?? 401;
    if (reply === 'cut') {
      response.destroy();
      return;
    }
    const body = reply === 401 ? { status: 'error', data: {}, message: 'no' } : { status: 'success', ...reply };
    response.writeHead(reply === 401 ? 401 : 200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const printed = { out: '', err: '' };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      printed.out += String(text);
      return true;
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      printed.err += String(text);
      return true;
    }),
  ];
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const failure = await show('registrations', { url, token: 'x', account: 'acme', ...options }).then(
    () => undefined,
    (error: unknown) => error,
  );
  for (const spy of spies) spy.mockRestore();
  return { ...printed, failure };
}

const one = { data: [{ username: 'ana' }] };

test.each([[{}], [{ json: true }]])('that a list is partial is said on standard error: %j', async (options) => {
  const { out, err, failure } = await shown([{ ...one, partial: true }], options);
  expect([err, failure]).toEqual([
    'not everybody who was asked has answered: there may be more than these\n',
    undefined,
  ]);
  expect(out).toContain('ana');
  expect((await shown([one], options)).err).toBe('');
});

test.each([[{}], [{ json: true }]])(
  '--watch goes on where the server was away, and says so once: %j',
  async (options) => {
    const watch = { ...options, watch: true, every: '1ms' };
    const { out, err, failure } = await shown([one, 'cut', 'cut', { data: [{ username: 'ben' }] }, 401], watch);
    expect(out.match(/ana|ben/g)).toEqual(['ana', 'ben']);
    expect(err).toMatch(/^out of date since [^\n]+\n$/);
    expect(failure).toMatchObject({ kind: 'refused' });
  },
);

test('--watch ends at once where nothing can be had at first', async () => {
  const { out, failure } = await shown(['cut', one], { watch: true, every: '1ms' });
  expect([out, failure]).toMatchObject(['', { kind: 'unreachable' }]);
});
