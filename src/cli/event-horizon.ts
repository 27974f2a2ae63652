#!/usr/bin/env node
/** `event-horizon`: the program. */
import { runEventHorizon } from './run.ts';

await runEventHorizon(process.argv.slice(2));
