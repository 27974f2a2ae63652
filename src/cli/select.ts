/** A place in an answer: `Channels[0].switch_url`, as the Kamailio module's `kazoo_json` has it. Pure. */
import { memberOf } from '../filters/fields.ts';
import { isPayloadPath, stepsOf } from '../payload-steps.ts';
import { Failure } from './failure.ts';

/** @returns looks up the place; undefined where there is nothing. @throws Failure badUsage where it is no path */
export function selectorOf(path: string): (value: unknown) => unknown {
  if (!isPayloadPath(path)) {
    throw new Failure('badUsage', `--select: ${path} is no path; its form is Channels[0].switch_url`);
  }
  const steps = stepsOf(path);
  return (value) => {
    let at = value;
    for (const step of steps) {
      if (typeof at !== 'object' || at === null) return undefined;
      if (Array.isArray(at)) at = typeof step === 'number' ? at[step] : undefined;
      else at = typeof step === 'string' ? memberOf(at as Readonly<Record<string, unknown>>, step) : undefined;
    }
    return at;
  };
}
