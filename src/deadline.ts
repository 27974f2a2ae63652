/** Waits that end: nobody is waited for without a limit. */

/** What `withDeadline` comes to when the time is over. */
export const late = Symbol('late');

/**
 * Settles as `operation` does, but after so many milliseconds at the latest. An operation that is late goes on; what it fails
 * with then has nobody left to tell.
 * @returns `late` when the time was over first
 */
export async function withDeadline<T>(ms: number, operation: Promise<T>): Promise<T | typeof late> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<typeof late>((resolve) => {
    timer = setTimeout(resolve, ms, late);
  });
  operation.catch(() => undefined);
  try {
    return await Promise.race([operation, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

export interface Patience {
  /** How long it may stand still. */
  readonly stillMs: number;
  /** How long the whole may take, give or take `stillMs`. */
  readonly totalMs: number;
}

/**
 * Settles as `operation` does, while it moves. Work of which nobody knows how long it takes has a deadline all the same.
 * @param progress a number that is another one whenever it has moved
 * @returns `late` when it stood still for too long, or took too long altogether
 */
export async function whileItMoves<T>(
  { stillMs, totalMs }: Patience,
  progress: () => number,
  operation: Promise<T>,
): Promise<T | typeof late> {
  const endsAt = performance.now() + totalMs;
  for (;;) {
    const before = progress();
    const outcome = await withDeadline(stillMs, operation);
    if (outcome !== late || progress() === before || performance.now() >= endsAt) return outcome;
  }
}
