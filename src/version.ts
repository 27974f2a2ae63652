/** The version of this package, as it says itself. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Beside `src` as well as beside `dist`. */
const packageFile = new URL('../package.json', import.meta.url);

export const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync(packageFile, 'utf8')));
