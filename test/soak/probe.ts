/** Loaded into the server before its own code: tells over the channel to its parent what the process holds. */
import { EventEmitter } from 'node:events';
import type { State } from './state.ts';

const insides = process as typeof process & { _getActiveHandles(): unknown[] };

function listenersOf(emitter: EventEmitter): number {
  return emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
}

function state(): State {
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const handles = insides._getActiveHandles().filter((handle) => handle instanceof EventEmitter);
  const listeners = handles.reduce((sum, handle) => sum + listenersOf(handle), listenersOf(process));
  return { heapBytes: heapUsed, residentBytes: rss, resources, listeners };
}

process.on('message', (message) => {
  if (message === 'state?') process.send?.(state());
});
