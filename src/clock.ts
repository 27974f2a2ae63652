/** One clock for everything that happens once a second, so that nothing needs a timer of its own for each socket. */

export interface Clock {
  stop(): void;
}

/** @param task called at the beginning of every second with the time (Unix, ms); does not throw */
export function startClock(task: (date: number) => void): Clock {
  let timer: NodeJS.Timeout;

  function tick(): void {
    task(Date.now());
    schedule();
  }

  // Tokens expire on whole seconds: ticking just behind them ends what has expired at once.
  function schedule(): void {
    timer = setTimeout(tick, 1000 - (Date.now() % 1000) + 1);
  }

  schedule();
  return { stop: () => clearTimeout(timer) };
}
