/**
 * The accounts of a Kazoo, as its Crossbar lists them: log in (`PUT /v2/api_auth` or `PUT /v2/user_auth`), the topmost
 * account itself (`GET /v2/accounts/{ID}`: it is not among its descendants), and its descendants, page by page. A
 * descendant's `tree` names those above it, the topmost first, its parent last (Kazoo's view
 * `accounts/listing_by_descendants`, the same in 4.0, 4.3 and 5).
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { firstFault } from '../errors.ts';
import { accountId } from './accounts.ts';
import { boundedText } from './bounded-text.ts';

/** An account's API key, or a user of the account; `account` is its name or its realm. */
export type Credentials =
  | { readonly apiKey: string }
  | { readonly user: string; readonly password: string; readonly account: string };

/** What a Crossbar says of an account. */
export interface ListedAccount {
  readonly id: string;
  readonly name: string | undefined;
  readonly realm: string | undefined;
  /** Ids of the accounts above it, the nearest last. Some may not be listed: deleted, or above the topmost. */
  readonly tree: readonly string[];
  readonly superduperAdmin: boolean;
}

/** The topmost account first. */
export type Listing = readonly [top: ListedAccount, ...below: ListedAccount[]];

/** Why nothing came of it, in words for a log or `/readyz`: no secrets in it. */
export class ListingFailed extends Error {
  override readonly name = 'ListingFailed';
}

export interface ListingLimits {
  /** For each of the requests. */
  readonly timeoutMs: number;
  readonly pageSize: number;
  readonly maxAccounts: number;
  readonly maxAnswerBytes: number;
}

const usualLimits: ListingLimits = {
  timeoutMs: 10_000,
  pageSize: 500,
  maxAccounts: 200_000,
  maxAnswerBytes: 8 * 1024 * 1024,
};

/** Whatever a page holds: many times what the limit of accounts needs. */
const maxPages = 5000;

const success = z.literal('success');
/** What a header can carry. */
const token = z.string().regex(/^[\x21-\x7e]{1,16384}$/, 'is no token');
const realm = z
  .string()
  .nullish()
  .transform((text) => (text == null || text === '' || text.length > 253 ? undefined : text));

/** For people: one that is no text, or too long to be a name, is none. */
const name = z
  .unknown()
  .optional()
  .transform((value) => (typeof value === 'string' && value !== '' && value.length <= 256 ? value : undefined));

const loginAnswer = z.object({ status: success, auth_token: token, data: z.object({ account_id: accountId }) });
const accountAnswer = z.object({
  status: success,
  data: z.object({ id: accountId, name, realm, superduper_admin: z.boolean().nullish() }),
});
const pageAnswer = z.object({
  status: success,
  data: z.array(z.object({ id: accountId, name, realm, tree: z.array(z.string()).nullish() })),
  next_start_key: z.string().nullish(),
});

interface Login {
  readonly token: string;
  readonly account: string;
}

interface Question {
  readonly method?: string;
  readonly token?: string;
  readonly body?: object;
}

export class CrossbarListing {
  readonly #base: string;
  readonly #limits: ListingLimits;
  #login: Login | undefined;
  #underWay: AbortController | undefined;

  /** @param address the Crossbar's base address, `http://crossbar:8000` */
  constructor(
    address: string,
    private readonly credentials: Credentials,
    limits: Partial<ListingLimits> = {},
  ) {
    this.#base = `${address.replace(/\/+$/, '')}/v2`;
    this.#limits = { ...usualLimits, ...limits };
  }

  /** One at a time. @throws ListingFailed */
  async read(): Promise<Listing> {
    const { account } = this.#login ?? (await this.#logIn());
    const path = `/accounts/${encodeURIComponent(account)}`;
    const { data: top } = await this.#get(path, accountAnswer);
    if (top.id !== account) throw new ListingFailed(`asked for the account ${account}, it answers with another one`);
    const below = new Map<string, ListedAccount>();
    let startKey: string | undefined;
    let pages = 0;
    do {
      if (++pages > maxPages) throw new ListingFailed(`its accounts take more than ${maxPages} pages`);
      const page: z.output<typeof pageAnswer> = await this.#get(this.#pagePath(path, startKey), pageAnswer);
      for (const row of page.data) {
        below.set(row.id, {
          id: row.id,
          name: row.name,
          realm: row.realm,
          tree: row.tree ?? [],
          superduperAdmin: false,
        });
      }
      below.delete(top.id);
      if (below.size >= this.#limits.maxAccounts) {
        throw new ListingFailed(`it lists more than ${this.#limits.maxAccounts} accounts`);
      }
      startKey = nextKey(page.next_start_key, startKey);
    } while (startKey !== undefined);
    const { id, superduper_admin } = top;
    return [
      { id, name: top.name, realm: top.realm, tree: [], superduperAdmin: superduper_admin === true },
      ...below.values(),
    ];
  }

  /** Ends what is under way. */
  stop(): void {
    this.#underWay?.abort();
  }

  #pagePath(path: string, startKey: string | undefined): string {
    const query = new URLSearchParams({ page_size: String(this.#limits.pageSize) });
    if (startKey !== undefined) query.set('start_key', startKey);
    return `${path}/descendants?${query}`;
  }

  async #logIn(): Promise<Login> {
    const [path, data] = loginOf(this.credentials);
    const response = await this.#ask(path, { method: 'PUT', body: { data } });
    if (response.status === 401 || response.status === 403) {
      throw new ListingFailed(`it refuses the credentials (${response.status})`);
    }
    const { auth_token, data: owner } = checked(path, response, loginAnswer);
    this.#login = { token: auth_token, account: owner.account_id };
    return this.#login;
  }

  /** A token lasts an hour, or until its owner's secret is changed: a refused one is replaced once. */
  async #get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    const login = this.#login ?? (await this.#logIn());
    const response = await this.#ask(path, login);
    if (response.status !== 401) return checked(path, response, schema);
    this.#login = undefined;
    const fresh = await this.#logIn();
    if (fresh.account !== login.account) throw new ListingFailed('the credentials are of another account now');
    return checked(path, await this.#ask(path, fresh), schema);
  }

  async #ask(path: string, { method = 'GET', token, body }: Question): Promise<Answer> {
    const { timeoutMs, maxAnswerBytes } = this.#limits;
    const abort = new AbortController();
    this.#underWay = abort;
    const timer = setTimeout(() => abort.abort(new ListingFailed(`no answer within ${timeoutMs} ms`)), timeoutMs);
    try {
      const response = await fetch(`${this.#base}${path}`, {
        method,
        headers: {
          accept: 'application/json',
          ...(token !== undefined && { 'x-auth-token': token }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: abort.signal,
        // A token is for nobody else.
        redirect: 'error',
      });
      return { status: response.status, text: await boundedText(response, maxAnswerBytes) };
    } catch (error) {
      throw error instanceof ListingFailed ? error : new ListingFailed(`it can not be reached (${codeOf(error)})`);
    } finally {
      clearTimeout(timer);
    }
  }
}

interface Answer {
  readonly status: number;
  /** Undefined: too long. */
  readonly text: string | undefined;
}

/** @throws ListingFailed where the answer is not what Crossbar answers */
function checked<T>(path: string, { status, text }: Answer, schema: z.ZodType<T>): T {
  const [question = ''] = path.split('?');
  if (status < 200 || status >= 300) throw new ListingFailed(`it answers ${status} to ${question}`);
  if (text === undefined) throw new ListingFailed(`its answer to ${question} is too long`);
  const result = schema.safeParse(parsed(text));
  if (result.success) return result.data;
  const fault = firstFault(result.error, 'the answer');
  throw new ListingFailed(`its answer to ${question} is none of Crossbar's: ${fault}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Where the next page begins. Accounts of the same name share a key; more of them than a page has would never end. */
function nextKey(next: string | null | undefined, current: string | undefined): string | undefined {
  if (next == null || next === '') return undefined;
  if (next === current) throw new ListingFailed('its pages do not end: more accounts of one name than a page has');
  return next;
}

/** Crossbar keeps a digest of `user:password`, the user in lower case. An account is looked for by realm, then by name. */
function loginOf(credentials: Credentials): [path: string, data: object] {
  if ('apiKey' in credentials) return ['/api_auth', { api_key: credentials.apiKey }];
  const { user, password, account } = credentials;
  const digest = createHash('md5').update(`${user.toLowerCase()}:${password}`).digest('hex');
  const isRealm = /^[.\w-]{4,253}$/.test(account);
  const data = {
    credentials: digest,
    method: 'md5',
    account_name: account.slice(0, 128),
    ...(isRealm && { account_realm: account }),
  };
  return ['/user_auth', data];
}

/** Why a request failed: fetch says only that it did, its cause says why. */
function codeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return cause instanceof Error ? cause.message : 'the connection broke';
}
