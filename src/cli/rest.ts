/** The server's REST side, as commands use it: what it refuses becomes a `Failure` with its own words. */
import { z } from 'zod';
import { Failure, type FailureKind } from './failure.ts';
import { type Server, shownUrl } from './server.ts';

const envelope = z.looseObject({
  data: z.unknown(),
  status: z.enum(['success', 'error']),
  message: z.string().optional(),
  partial: z.boolean().optional(),
  details_partial: z.boolean().optional(),
  next_start_key: z.string().optional(),
});
export type Answer = z.output<typeof envelope>;

const kinds: Readonly<Record<number, FailureKind>> = { 400: 'badUsage', 401: 'refused', 403: 'refused' };

export interface RestRequest {
  /** What is to be said where there is no such thing. */
  readonly absent?: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Becomes JSON. */
  readonly body?: object;
  /** Asked without a token. */
  readonly isPublic?: true;
}

/**
 * @param path of the server, with parameters: `v2/websockets`
 * @throws Failure
 */
export async function ask(
  server: Server,
  path: string,
  { method = 'GET', body, isPublic, absent }: RestRequest = {},
): Promise<Answer> {
  const response = await server.fetch(new URL(path, server.url), {
    method,
    headers: {
      ...(!isPublic && { 'X-Auth-Token': await server.token() }),
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const parsed = envelope.safeParse(await response.json().catch(() => undefined));
  if (!parsed.success) throw noEnvelope(server, response);
  if (response.ok) return parsed.data;
  if (response.status === 404 && absent !== undefined) throw new Failure('fault', absent);
  throw refusal(server, response, parsed.data);
}

/** No account has this id. */
const nobody = '-';

/** The path of what is an account's own. @throws Failure where it is not known which account is meant */
export async function accountPath(server: Server, ...words: readonly string[]): Promise<string> {
  const account = await server.account();
  if (account !== undefined) return ['v2', 'accounts', account, ...words].map(encodeURIComponent).join('/');
  // Whether the token is good at all is the first thing to know.
  await ask(server, `v2/accounts/${nobody}/channels`).catch((error: unknown) => {
    if (!(error instanceof Failure) || error.status !== 403) throw error;
  });
  throw new Failure('badUsage', '--account: the token does not tell its account; name it');
}

/** Somebody answers, and it isn't an Event Horizon: a proxy in front of none, or another program. */
function noEnvelope(server: Server, { status, headers }: Response): Failure {
  const where = shownUrl(server.url);
  if ([502, 503, 504].includes(status))
    return server.unreachable(`who answers there says ${status}: no server is behind it now`);
  const to = headers.get('location');
  if (status >= 300 && status < 400)
    return new Failure('fault', `${where} leads elsewhere, to ${to}; give that as --url`);
  return new Failure('fault', `${where} answers, but is no Event Horizon (${status})`);
}

function refusal(server: Server, { status, headers }: Response, { message = '' }: Answer): Failure {
  const wait = headers.get('retry-after');
  const advice =
    status === 401
      ? '; `event-horizon token` makes another one'
      : status === 429 && wait !== null
        ? `; try again in ${wait} s`
        : '';
  return new Failure(kinds[status] ?? 'fault', `${shownUrl(server.url)} refuses (${status}): ${message}${advice}`, {
    status,
  });
}
