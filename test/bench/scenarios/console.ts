/**
 * The console in Chromium, while 500 calls live and 200 events a second come: how long its tasks take by Chromium's own
 * trace, how many pictures it draws, and what of its memory stays.
 */
import amqp from 'amqplib';
import { type Browser, type CDPSession, chromium, type Page } from 'playwright-core';
import { startOffice } from '../../support/office.ts';
import { chromium as program } from '../../support/packages.ts';
import { benchAccount, horizon, startContender } from '../contenders.ts';
import { median } from '../statistics.ts';
import { inTurn, type Scenario, type Setting } from './scenario.ts';

const liveCalls = 500;
const perSecond = 200;
/** More than this, and a hand notices. ms */
const longTaskMs = 50;
const warmUpMs = 20_000;
/** How many events are published in one go. */
const batch = 10;

interface Task {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds. */
  readonly dur?: number;
  /** Of the processor: without what others took of it meanwhile. Microseconds. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

const leg = (index: number) => ({
  'Call-ID': `bench-${index}`,
  'Call-Direction': 'inbound',
  'Caller-ID-Name': `Caller ${index}`,
  'Caller-ID-Number': `+1555${String(index).padStart(7, '0')}`,
  'Callee-ID-Number': String(1000 + (index % 100)),
});

/** Of the page's main thread, longest first. ms */
function tasksOf(trace: readonly Task[], measure: 'dur' | 'tdur'): number[] {
  const main = new Set(
    trace
      .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  return trace
    .filter(({ name, ph, pid, tid }) => /RunTask$/.test(name) && ph === 'X' && main.has(`${pid} ${tid}`))
    .map((task) => (task[measure] ?? 0) / 1000)
    .sort((a, b) => b - a);
}

/** Holds and resumes one call after the other, at the same pace. */
async function play(say: (event: string, index: number) => Promise<void>, ms: number): Promise<void> {
  const startedAt = performance.now();
  for (let told = 0; performance.now() - startedAt < ms; ) {
    for (let index = 0; index < batch; index += 1, told += 1)
      await say(Math.floor(told / liveCalls) % 2 === 0 ? 'CHANNEL_HOLD' : 'CHANNEL_UNHOLD', told % liveCalls);
    const dueAt = startedAt + (told / perSecond) * 1000;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueAt - performance.now())));
  }
}

/** What is left after a collection, bytes. */
async function heapOf(session: CDPSession): Promise<number> {
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  return usedSize;
}

async function open(browser: Browser, port: number, token: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.addInitScript((kept) => sessionStorage.setItem('event-horizon-token', kept), token);
  await page.goto(`http://127.0.0.1:${port}/#/calls`);
  await page.locator(`[data-count="${liveCalls}"]`).waitFor();
  return page;
}

/** Pictures that are drawn from now on. */
function countFrames(page: Page): Promise<void> {
  return page.evaluate(() => {
    const counter = { frames: 0 };
    Object.assign(window, { counter });
    const draw = (): void => {
      counter.frames += 1;
      requestAnimationFrame(draw);
    };
    requestAnimationFrame(draw);
  });
}

async function measure(setting: Setting, minutes: readonly number[]) {
  const running = await startContender(horizon, setting.rabbit);
  const connection = await amqp.connect(`amqp://guest:guest@127.0.0.1:${setting.rabbit.amqpPort}`);
  const channel = await connection.createConfirmChannel();
  const broker = {
    channel: async () => channel,
    publish: async (exchange: string, key: string, body: object | Buffer): Promise<void> => {
      channel.publish(exchange, key, Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)), {
        contentType: 'application/json',
      });
    },
  };
  const browser = await chromium.launch({ executablePath: program.path, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    const office = await startOffice(broker, benchAccount);
    for (let index = 0; index < liveCalls; index += 1) office.begin(leg(index), { answered: true, seconds: 60 });
    const [spec] = await running.specs(1);
    const page = await open(browser, running.port, spec?.token ?? '');
    const session = await page.context().newCDPSession(page);
    const say = (event: string, index: number): Promise<void> => office.say(event, leg(index));
    await play(say, warmUpMs);
    await browser.startTracing(page, { categories: ['toplevel', 'disabled-by-default-devtools.timeline'] });
    await countFrames(page);
    await play(say, 60_000);
    const frames = await page.evaluate(() => (window as unknown as { counter: { frames: number } }).counter.frames);
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: Task[] };
    const tasks = tasksOf(traceEvents, 'dur');
    const heaps: number[] = [];
    for (const [index, minute] of minutes.entries()) {
      await play(say, (minute - (minutes[index - 1] ?? 0)) * 60_000);
      heaps.push(await heapOf(session));
    }
    return {
      tasks: tasks.length,
      longTasks: tasks.filter((ms) => ms > longTaskMs).length,
      longestMs: tasks[0] ?? Number.NaN,
      longestCpuMs: tasksOf(traceEvents, 'tdur')[0] ?? Number.NaN,
      framesPerSecond: frames / 60,
      heapGrowth: ((heaps.at(-1) ?? Number.NaN) / (heaps[0] ?? Number.NaN) - 1) * 100,
    };
  } finally {
    await browser.close();
    await connection.close();
    await running.stop();
  }
}

function scenario(title: string, note: string, minutes: readonly number[]): Scenario {
  return async (setting) => {
    const results = await inTurn(setting, [horizon], () => measure(setting, minutes));
    const rounds = [...results.values()].flat();
    const of = (key: keyof (typeof rounds)[number]): number => median(rounds.map((round) => round[key]));
    const figures = [of('longTasks'), of('longestMs'), of('longestCpuMs'), of('framesPerSecond')];
    const isLong = minutes.length > 0;
    return [
      {
        title,
        note: `Chromium shows ${liveCalls} live calls while ${perSecond} events a second come, for a minute after ${warmUpMs / 1000} s; ${setting.rounds} rounds. Medians; tasks of the page's main thread by Chromium's trace.${note}`,
        columns: [
          `tasks over ${longTaskMs} ms`,
          'longest task, ms',
          'of the processor, ms',
          'frames a second',
          ...(isLong ? ['heap, %'] : []),
        ],
        rows: [{ name: 'the console, calls', values: isLong ? [...figures, of('heapGrowth')] : figures }],
      },
    ];
  };
}

export const consoleMinute = scenario('Console', '', []);
export const consoleMemory = scenario(
  'Console, 15 minutes',
  ' Heap: how much more is left after a collection in minute 15 than in minute 5.',
  [5, 15],
);
