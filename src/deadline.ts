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
