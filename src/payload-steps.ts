/**
 * Paths in payloads as people write them: members separated by dots, `[N]` for a place in a list (`tenant.id`,
 * `Custom-Channel-Vars.Account-ID`, `parties[0].account`). Names are compared in lower case with `-` as `_`. Pure.
 */
import { normalizedName } from './normalized-key.ts';

const pathForm = /^[^.[\]]+(\[\d{1,4}\])*(\.[^.[\]]+(\[\d{1,4}\])*)*$/;

/** A member's name, normalised, or a place in a list. */
export type Step = string | number;

export function isPayloadPath(text: string): boolean {
  return pathForm.test(text);
}

/** @param path of the right form, see `isPayloadPath` */
export function stepsOf(path: string): readonly Step[] {
  return path.split('.').flatMap((part) => {
    const [name = '', ...places] = part.split('[');
    return [normalizedName(name), ...places.map((place) => Number(place.slice(0, -1)))];
  });
}
