/** `npm run simulate`. */
import { runAlone } from './run.ts';

await runAlone('simulate');
