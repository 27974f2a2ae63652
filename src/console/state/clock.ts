/** One clock for the whole page: what ticks, ticks together, and costs one timer. */
import { signal } from '@preact/signals';
import { refreshStatus } from './session.ts';

/** Unix time, ms; another one each second. */
export const now = signal(Date.now());

setInterval(() => {
  refreshStatus();
  now.value = Date.now();
}, 1000);
