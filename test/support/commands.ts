/** The program `event-horizon` as a process. */
import { type Environment, startProcess } from './process.ts';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts it, with nothing but these variables (and PATH and HOME) in its environment. */
export function startCommand(args: readonly string[], environment: Environment = {}) {
  return startProcess(process.execPath, ['dist/cli/event-horizon.js', ...args], environment);
}

/** Runs it to its end. */
export async function runCommand(args: readonly string[], environment: Environment = {}): Promise<Ended> {
  const started = startCommand(args, environment);
  const { code } = await started.ended();
  return { code, stdout: started.stdout, stderr: started.stderr };
}
