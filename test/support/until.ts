/** Waiting in tests: until something is so, and a failure that says what was waited for and what was seen instead. */
import { onTestFinished, TestRunner } from 'vitest';

/** What a wait leaves of its test's time, so that its own words come and not those of the test's limit. ms */
const marginMs = 1500;
/** For waits outside of tests: in hooks. ms */
const otherwiseMs = 25_000;
/** Between two looks: much is so at once, or a few ms later. */
const firstPauseMs = 1;
const lastPauseMs = 10;
const mostText = 600;
/** How long one that is described may take. ms */
const describeMs = 500;

/** A test may set `Date.now`, and still waits by the clock on the wall. */
const unixMs = Date.now.bind(Date);

const sights = new Set<() => string | Promise<string>>();

/**
 * Whoever a test talks to (a client, a bridge, a process) is described beside every wait of the test that fails.
 * @param describe what is to be seen of it now, in a few lines
 */
export function showWhenWaitFails(describe: () => string | Promise<string>): void {
  sights.add(describe);
  onTestFinished(() => void sights.delete(describe));
}

/**
 * Asks again until it is so.
 * @param expected what is waited for, in words; the text of the condition, if it is left out
 * @throws Error shortly before the test's time is over, with what the test's clients, bridges and processes look like then
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  expected: string = condition.toString(),
): Promise<void> {
  const endsAt = deadline();
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, lastPauseMs)) {
    const answer = condition();
    // A question that is never answered must not outlast the wait.
    if (typeof answer === 'boolean' ? answer : await within(answer, expected)) return;
    if (unixMs() > endsAt) throw await failedWait(expected);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** The same for something that is told and needs not be asked for. */
export async function within<T>(promise: Promise<T>, expected: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => void failedWait(expected).then(reject, reject), deadline() - unixMs());
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A long text as failures show it: its end. */
export function shortened(text: string): string {
  return text.length <= mostText ? text : `… ${text.slice(-mostText)}`;
}

/** Unix time, ms. */
function deadline(): number {
  const running = TestRunner.getCurrentTest();
  const startedAt = running?.result?.startTime;
  if (running === undefined || startedAt === undefined) return unixMs() + otherwiseMs;
  return startedAt + Math.max(running.timeout - marginMs, running.timeout / 2);
}

/** What somebody who hangs looks like. */
async function silence(): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, describeMs).unref());
  return '(says nothing of itself)';
}

async function failedWait(expected: string): Promise<Error> {
  const seen = await Promise.all(
    [...sights].map(async (describe) => {
      try {
        return await Promise.race([describe(), silence()]);
      } catch (error) {
        return `(can't be described: ${String(error)})`;
      }
    }),
  );
  return new Error(`waited in vain for: ${expected}\nseen:\n${seen.map((text) => `- ${text}`).join('\n')}`);
}
