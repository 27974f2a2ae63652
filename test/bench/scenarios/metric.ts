/** @returns a metric of a bridge, one without labels */
export async function metricOf(port: number, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1]);
}

/** @returns how many events a bridge took from the bus, of all families */
export async function receivedEvents(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const counts = text.matchAll(/^horizon_events_received_total\{[^}]*\} (\S+)/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Resolves once a bridge has taken so many. */
export async function untilReceived(port: number, count: number): Promise<void> {
  while ((await receivedEvents(port)) < count) await new Promise((resolve) => setTimeout(resolve, 100));
}

/** The event loop's longest delay since this was last asked, seconds. */
export function longestBlock(port: number): Promise<number> {
  return metricOf(port, 'nodejs_eventloop_lag_max_seconds');
}
