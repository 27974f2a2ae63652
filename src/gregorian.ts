/** The bus's time stamps: seconds since the year 0, as Erlang counts (`calendar:datetime_to_gregorian_seconds`). */

/** The Unix epoch in them. */
const unixEpochSeconds = 62_167_219_200;

/** @param unixMs Unix time, ms */
export function gregorianSeconds(unixMs: number): number {
  return Math.floor(unixMs / 1000) + unixEpochSeconds;
}

/** @returns Unix time, ms */
export function unixMs(gregorian: number): number {
  return (gregorian - unixEpochSeconds) * 1000;
}
