/** One clock for everything that happens once a second, so that nothing needs a timer of its own for each socket. */

export interface Clock {
  /** Called at the beginning of every second with the time (Unix, ms). */
  everySecond(task: (now: number) => void): void;
  stop(): void;
}

/** @param onError told of a task that threw; the others and the clock go on */
export function startClock(onError: (error: unknown) => void): Clock {
  const tasks: ((now: number) => void)[] = [];
  let timer: NodeJS.Timeout;

  function tick(): void {
    const now = Date.now();
    for (const task of tasks) {
      try {
        task(now);
      } catch (error) {
        onError(error);
      }
    }
    schedule();
  }

  // Tokens expire on whole seconds: ticking just behind them ends what has expired at once.
  function schedule(): void {
    timer = setTimeout(tick, 1000 - (Date.now() % 1000) + 1);
  }

  schedule();
  return {
    everySecond: (task) => tasks.push(task),
    stop: () => clearTimeout(timer),
  };
}
