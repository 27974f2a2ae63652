import { expect, test } from 'vitest';
import { createLog, endLog } from '../../src/log.ts';
import { LogOutput, type Sink } from '../../src/log-output.ts';

/** Takes what it is given when the test says so. */
class SlowSink implements Sink {
  readonly written: string[] = [];
  readonly now: string[] = [];
  #pending: { text: string; done: (error?: Error | null) => void } | undefined;

  get isBusy(): boolean {
    return this.#pending !== undefined;
  }

  write(text: string, done: (error?: Error | null) => void): void {
    if (this.#pending !== undefined) throw new Error('one at a time');
    this.#pending = { text, done };
  }

  writeNow(text: string): void {
    this.now.push(text);
  }

  finish(error?: Error): void {
    const pending = this.#pending;
    if (pending === undefined) throw new Error('nothing is being written');
    this.#pending = undefined;
    if (error === undefined) this.written.push(pending.text);
    pending.done(error);
  }

  finishAll(): void {
    while (this.isBusy) this.finish();
  }
}

function start() {
  const sink = new SlowSink();
  const output = new LogOutput(sink);
  const recovered: number[] = [];
  output.onRecovered = (lines) => recovered.push(lines);
  return { sink, output, recovered };
}

test('lines come out whole and in order, together where they had to wait', () => {
  const { sink, output } = start();
  for (const number of [1, 2, 3]) output.write(`${number}\n`);
  sink.finishAll();
  output.write('4\n');
  sink.finishAll();
  expect(sink.written).toEqual(['1\n', '2\n3\n', '4\n']);
  expect(output.dropped).toBe(0);
});

test('what waits is bounded: lines beyond it are dropped and counted, and that is told once they are written again', () => {
  const { sink, output, recovered } = start();
  const line = `${'x'.repeat(999)}\n`;
  for (let count = 0; count < 3000; count += 1) output.write(line);
  expect(output.dropped).toBeGreaterThan(1900);
  expect(recovered).toEqual([]);
  sink.finishAll();
  const lines = sink.written.join('').split('\n').length - 1;
  expect(lines + output.dropped).toBe(3000);
  expect(lines).toBeGreaterThan(1000);
  expect(recovered).toEqual([output.dropped]);
  output.write(line);
  sink.finishAll();
  expect(recovered).toHaveLength(1);
});

test('lines whose writing fails are counted, and the next ones are tried', () => {
  const { sink, output, recovered } = start();
  output.write('1\n');
  output.write('2\n');
  output.write('3\n');
  sink.finish(new Error('ENOSPC'));
  sink.finish(new Error('ENOSPC'));
  expect(output.dropped).toBe(3);
  expect(recovered).toEqual([]);
  output.write('4\n');
  sink.finish();
  expect(sink.written).toEqual(['4\n']);
  expect(recovered).toEqual([3]);
});

test('the end waits for what waits, and not for a reader who never comes', async () => {
  const { sink, output } = start();
  output.write('1\n');
  output.write('2\n');
  const ended = endLog(output);
  sink.finishAll();
  await ended;
  expect(sink.written).toEqual(['1\n', '2\n']);
  output.write('3\n');
  await endLog(output);
  expect(sink.isBusy).toBe(true);
});

test('a process that ends at once hands over what waits', () => {
  const { sink, output } = start();
  for (const number of [1, 2, 3]) output.write(`${number}\n`);
  output.endNow();
  expect(sink.now).toEqual(['2\n3\n']);
});

test.each([
  ['JSON', false, /^\{"level":"warn",.*"node":"n","reason":"r","password":"\(hidden\)","msg":"text"\}\n$/],
  ['lines for people', true, /^\[\d\d:\d\d:\d\d\.\d{3}\].*WARN.*text[\s\S]*reason.*r[\s\S]*\n$/],
])('the log goes there as %s', (_title, LOG_PRETTY, expected) => {
  const { sink, output } = start();
  const log = createLog({ LOG_LEVEL: 'info', LOG_PRETTY, NODE_NAME: 'n' }, output, false);
  log.debug('not this');
  log.warn({ reason: 'r', password: 'p' }, 'text');
  sink.finishAll();
  expect(sink.written.join('')).toMatch(expected);
});
