/** What the commands beside the server share: they end with one line that a person understands, or do their work. */
import { exitCodeOf, messageOf } from '../errors.ts';

/** Runs a command; what it throws is printed and ends the process with 78 for bad arguments and 1 for anything else. */
export function runCommand(name: string, command: () => Promise<void>): void {
  command().catch((error: unknown) => {
    process.stderr.write(`${name}: ${messageOf(error)}\n`);
    process.exitCode = exitCodeOf(error);
  });
}
