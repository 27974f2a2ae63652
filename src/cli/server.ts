/** The server that a command talks to: its address, the token for it, the account. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { claimedAccount } from '../auth/token.ts';
import { messageOf } from '../errors.ts';
import { Failure, lineFault } from './failure.ts';
import type { ServerOptions } from './server-options.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const defaultUrl = 'http://127.0.0.1:5555/';

const howToGiveToken =
  'give one with --token-file or EVENT_HORIZON_TOKEN (`event-horizon token --help` tells how one is made)';

/** One answer may take so long. ms */
const answerMs = 15_000;

const demoAnswer = z.object({ data: z.object({ token: z.string() }) });

/** The address of a server, and how a token for it is come by. */
export class Server {
  /** `http://` or `https://`, with a slash at its end. */
  readonly url: URL;
  readonly #given: string | undefined;
  readonly #file: string | undefined;
  readonly #account: string | undefined;

  /** @throws Failure badUsage where the address can't be used */
  constructor(options: ServerOptions, environment: Environment) {
    this.url = readUrl(options.url ?? nonEmpty(environment.EVENT_HORIZON_URL) ?? defaultUrl);
    this.#file = options['token-file'];
    this.#given = options.token ?? (this.#file === undefined ? nonEmpty(environment.EVENT_HORIZON_TOKEN) : undefined);
    if (options.token !== undefined && this.#file !== undefined) {
      throw new Failure('badUsage', '--token: given together with --token-file; use one of them');
    }
    this.#account = options.account;
  }

  /** The address of its WebSockets. */
  get socketUrl(): string {
    return this.url.href.replace(/^http/, 'ws');
  }

  /**
   * The token: as it was given, or that of a demo on this machine. Read anew each time, since files and demos get new ones.
   * @throws Failure where there is none
   */
  async token(): Promise<string> {
    if (this.#file !== undefined) return readTokenFile(this.#file);
    if (this.#given !== undefined) return this.#given;
    // Nobody else is asked: who isn't this machine has no demo that may be seen from here.
    const token = this.#isOnThisMachine ? await this.#demoToken() : undefined;
    if (token === undefined) throw new Failure('refused', `${this.url.href} wants a token: ${howToGiveToken}`);
    return token;
  }

  get #isOnThisMachine(): boolean {
    return this.url.protocol === 'http:' && /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(this.url.hostname);
  }

  async #demoToken(): Promise<string | undefined> {
    const response = await this.fetch(new URL('demo', this.url), {});
    if (response.status !== 200) return undefined;
    const answer = demoAnswer.safeParse(await response.json().catch(() => undefined));
    return answer.success ? answer.data.data.token : undefined;
  }

  /** The account that is meant; undefined where neither an option nor the token tells. */
  async account(): Promise<string | undefined> {
    return this.#account ?? claimedAccount(await this.token());
  }

  /** @throws Failure unreachable */
  async fetch(url: URL, init: RequestInit): Promise<Response> {
    try {
      // A token is for the address that was given, and for none that it leads to.
      return await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(answerMs) });
    } catch (error) {
      throw this.unreachable(lineFault(error) ?? messageOf(causeOf(error)), error);
    }
  }

  /** What is to be said where nobody answers. */
  unreachable(reason: string, cause?: unknown): Failure {
    const advice =
      this.url.href === defaultUrl
        ? '; `event-horizon serve` starts a demo there, --url or EVENT_HORIZON_URL names another server'
        : '';
    return new Failure('unreachable', `${shownUrl(this.url)} can't be reached: ${reason}${advice}`, { cause });
  }
}

/** `fetch` says no more than that it failed. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}

/** An address as it may be shown: whoever put a password in it did not mean everybody to read it. */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text;
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^(https?|wss?):$/.test(url.protocol)) {
    throw new Failure('badUsage', '--url: its form is http://host:5555/ or wss://host/');
  }
  const base = new URL(url.href.replace(/^ws/, 'http'));
  if (base.username !== '' || base.password !== '') {
    throw new Failure('badUsage', '--url: it must not carry a user or a password');
  }
  base.search = '';
  base.hash = '';
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return base;
}

function readTokenFile(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new Failure('badUsage', `--token-file: ${path} can't be read (${messageOf(error)})`, { cause: error });
  }
  if (text === '') throw new Failure('badUsage', `--token-file: ${path} is empty`);
  return text;
}
