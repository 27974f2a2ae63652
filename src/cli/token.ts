/** `npm run token`. */
import { runAlone } from './run.ts';

await runAlone('token');
