/** A Crossbar with accounts: logs in, tells of the topmost account, lists its descendants page by page as Kazoo does. */
import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerJson, type Neighbour, startNeighbour } from './rest.ts';

export interface FakeAccount {
  readonly id: string;
  readonly name: string;
  readonly realm?: string | null;
  /** The accounts above it, the topmost first. */
  readonly tree: readonly string[];
  readonly superduper_admin?: boolean;
}

export interface FakeCrossbar extends Neighbour {
  /** The account of the credentials. */
  top: FakeAccount;
  accounts: FakeAccount[];
  /** `METHOD /path?query`, oldest first. */
  readonly asked: string[];
  /** Tokens that it gave out and knows. */
  readonly tokens: Set<string>;
  /** Does something else with a request. @returns whether it did */
  instead: ((path: string, response: ServerResponse, request: IncomingMessage) => boolean) | undefined;
}

export const apiKey = 'f'.repeat(64);
export const user = { user: 'Admin@Example.com', password: 'sesame, open', account: 'top.example.com' };

/** Knows `apiKey` and `user`. */
export async function startFakeCrossbar(accounts: readonly FakeAccount[] = []): Promise<FakeCrossbar> {
  const crossbar = {
    top: { id: 'top', name: 'top', realm: 'top.example.com', tree: ['master'], superduper_admin: false } as FakeAccount,
    accounts: [...accounts],
    asked: [] as string[],
    tokens: new Set<string>(),
    instead: undefined as FakeCrossbar['instead'],
  };
  const neighbour = await startNeighbour((request, body, response) => {
    crossbar.asked.push(`${request.method} ${request.url}`);
    if (crossbar.instead?.(request.url ?? '', response, request)) return;
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://crossbar');
    if (request.method === 'PUT') return logIn(crossbar, pathname, body, response);
    if (!crossbar.tokens.has(String(request.headers['x-auth-token'])))
      return refuse(response, 401, 'invalid_credentials');
    if (pathname === `/v2/accounts/${crossbar.top.id}`) return succeed(response, 200, withoutTree(crossbar.top));
    if (pathname === `/v2/accounts/${crossbar.top.id}/descendants`) return list(crossbar, searchParams, response);
    refuse(response, 403, 'forbidden');
  });
  return Object.assign(crossbar, neighbour);
}

function logIn(crossbar: Pick<FakeCrossbar, 'tokens' | 'top'>, path: string, body: string, response: ServerResponse) {
  const { data } = JSON.parse(body) as { data: Record<string, unknown> };
  const digest = createHash('md5').update(`${user.user.toLowerCase()}:${user.password}`).digest('hex');
  const isUser = path === '/v2/user_auth' && data.credentials === digest && data.method === 'md5';
  const isKnown =
    (path === '/v2/api_auth' && data.api_key === apiKey) ||
    (isUser && (data.account_realm === user.account || data.account_name === 'top'));
  if (!isKnown) return refuse(response, 401, 'invalid_credentials');
  const auth_token = `token-${randomUUID()}`;
  crossbar.tokens.add(auth_token);
  succeed(response, 201, { account_id: crossbar.top.id, owner_id: 'someone', apps: [] }, { auth_token });
}

/** Rows in the order of their names; a page begins with the first of the name in `start_key`. */
function list(crossbar: Pick<FakeCrossbar, 'accounts' | 'top'>, query: URLSearchParams, response: ServerResponse) {
  const size = Number(query.get('page_size') ?? 50);
  const start = Buffer.from(query.get('start_key') ?? '', 'base64url').toString();
  const rows = crossbar.accounts
    .filter(({ tree, name }) => tree.includes(crossbar.top.id) && name >= start)
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  const data = rows.slice(0, size).map(({ id, name, realm, tree }) => ({ id, name, realm, tree, flags: [] }));
  const next = rows[size];
  succeed(response, 200, data, {
    page_size: data.length,
    start_key: query.get('start_key') ?? '',
    ...(next !== undefined && { next_start_key: Buffer.from(next.name).toString('base64url') }),
  });
}

function withoutTree({ tree, ...account }: FakeAccount) {
  return account;
}

function succeed(response: ServerResponse, status: number, data: object, envelope: object = {}): void {
  answerJson(response, status, { data, status: 'success', request_id: randomUUID(), ...envelope });
}

function refuse(response: ServerResponse, status: number, message: string): void {
  answerJson(response, status, { data: {}, error: String(status), message, status: 'error' });
}
