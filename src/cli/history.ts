/** `npm run history`. */
import { runAlone } from './run.ts';

await runAlone('history');
