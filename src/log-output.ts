/**
 * Where the log goes: standard output, written in the background and in order. Nobody waits for it: a disk that is full, a
 * pipe that nobody reads or that has no other end any more costs log lines, which are counted, and nothing else.
 */
import { fstatSync, write as writeFile, writeSync } from 'node:fs';

/** Lines that wait at most: those beyond are dropped. Characters, about the same as bytes. */
const maxWaiting = 1_048_576;
/** What is written in one go. Characters. */
const maxChunk = 65_536;

/** Writes all of it in the background, and says when that is done or has failed. */
export interface Sink {
  write(text: string, done: (error?: Error | null) => void): void;
  /** The last resort of a process that ends now: no waiting, no failing. */
  writeNow(text: string): void;
}

export class LogOutput {
  /** How many lines were lost so far. */
  dropped = 0;
  /** Told when everything that waits was written, and some lines before it were lost: how many, since the last time. */
  onRecovered: (lines: number) => void = () => undefined;

  readonly #waiting: string[] = [];
  #waitingLength = 0;
  #isWriting = false;
  #told = 0;
  readonly #atRest = new Set<() => void>();

  constructor(private readonly sink: Sink) {}

  /** @param line with its newline */
  write(line: string): void {
    if (this.#waitingLength + line.length > maxWaiting) {
      this.dropped += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingLength += line.length;
    if (!this.#isWriting) this.#writeNext();
  }

  /** Resolves when everything is written or lost. Where nobody reads the log this may be never. */
  async end(): Promise<void> {
    while (this.#isWriting) await new Promise<void>((resolve) => this.#atRest.add(resolve));
  }

  /** For a process that ends now: what waits is handed over without waiting. */
  endNow(): void {
    this.sink.writeNow(this.#waiting.splice(0).join(''));
    this.#waitingLength = 0;
  }

  #writeNext(): void {
    const lines = this.#takeChunk();
    this.#isWriting = true;
    const text = lines.join('');
    this.sink.write(text, (error) => {
      if (error) this.dropped += lines.length;
      this.#isWriting = false;
      if (this.#waiting.length > 0) this.#writeNext();
      else this.#onRest(!error);
    });
  }

  #takeChunk(): string[] {
    let count = 0;
    let length = 0;
    for (const line of this.#waiting) {
      if (count > 0 && length + line.length > maxChunk) break;
      count += 1;
      length += line.length;
    }
    this.#waitingLength -= length;
    return this.#waiting.splice(0, count);
  }

  #onRest(isWritten: boolean): void {
    const lost = this.dropped - this.#told;
    if (isWritten && lost > 0) {
      this.#told = this.dropped;
      this.onRecovered(lost);
    }
    if (this.#isWriting) return;
    for (const resolve of this.#atRest) resolve();
    this.#atRest.clear();
  }
}

/** Standard output of this process. */
export function standardOutput({ stdout }: NodeJS.Process): LogOutput {
  const isFile = !stdout.isTTY && isFileLike(stdout.fd);
  return new LogOutput(isFile ? fileSink(stdout.fd) : streamSink(stdout));
}

function isFileLike(fd: number): boolean {
  const stats = fstatSync(fd);
  return stats.isFile() || stats.isCharacterDevice() || stats.isBlockDevice();
}

/** Node writes to files in place, and a slow disk would hold up everybody; and it throws where one is full. */
function fileSink(fd: number): Sink {
  /** The last thing in the file is a part of a line. */
  let isTorn = false;
  return {
    write(text, done) {
      let rest = Buffer.from(isTorn ? `\n${text}` : text);
      const onWritten = (error: Error | null, bytes: number): void => {
        rest = rest.subarray(bytes);
        if (error === null && rest.length > 0) {
          isTorn = true;
          writeFile(fd, rest, onWritten);
        } else {
          if (error === null) isTorn = false;
          done(error);
        }
      };
      writeFile(fd, rest, onWritten);
    },
    writeNow(text) {
      ignoringFailure(() => writeSync(fd, text));
    },
  };
}

/** Pipes, sockets and terminals: Node never waits for the reader of a pipe, but keeps what he doesn't take. */
function streamSink(stream: NodeJS.WriteStream): Sink {
  // Each failed write is told to who wrote; a second time, as an event, it would end the process.
  stream.on('error', () => undefined);
  return {
    write: (text, done) => void stream.write(text, done),
    writeNow: (text) => ignoringFailure(() => stream.write(text)),
  };
}

function ignoringFailure(write: () => unknown): void {
  try {
    write();
  } catch {
    // A process that ends has nobody left to tell.
    return;
  }
}
