/** What can be subscribed to, and which sockets an account has. Bodies follow the dialect. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type AccountDirectory, accountId } from '../auth/accounts.ts';
import { checkScope } from '../auth/authorization.ts';
import type { Authenticator, Identity, Scope } from '../auth/identity.ts';
import type { Gathered } from '../cluster/cluster.ts';
import { type SocketRecord, socketRecordSchema, withoutOwner } from '../cluster/messages.ts';
import { maxPageRecords, type Page, type PageRequest } from '../cluster/pages.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { type DialectName, dialectNamed, dialectNames } from '../dialects/dialects.ts';
import { ActionError } from '../errors.ts';
import type { Family } from '../families/family.ts';
import {
  errorSchema,
  HttpError,
  listSchema,
  type NodeInfo,
  type Paging,
  successBody,
  successSchema,
} from './envelope.ts';
import type { Http } from './http-server.ts';
import type { UnreadAnswers } from './unread-answers.ts';

/** The sockets of all nodes. */
export interface ClusterSockets {
  socketsOf(account: string, request: PageRequest): Promise<Gathered<Page>>;
  findSocket(account: string, id: string): Promise<Gathered<SocketRecord | undefined>>;
  closeSocket(account: string, id: string): Promise<Gathered<boolean>>;
}

export interface RestServices {
  readonly info: NodeInfo;
  readonly families: readonly Family[];
  readonly accounts: AccountDirectory;
  readonly authenticator: Authenticator;
  readonly cluster: ClusterSockets;
  readonly unread: UnreadAnswers;
  readonly defaultDialect: DialectName;
  /** The token that a request's headers carry. */
  tokenOf(headers: FastifyRequest['headers']): string | undefined;
}

const querystring = z.object({
  dialect: z
    .enum(dialectNames, `must be ${dialectNames.join(' or ')}`)
    .optional()
    .describe('how the body looks'),
});
const pageLimit = z.coerce.number().int().min(1).max(maxPageRecords).optional();
const listQuerystring = querystring.extend({
  start_key: z.string().min(1).max(256).optional().describe('`next_start_key` of the page before'),
  limit: pageLimit.describe('most records of a page'),
  page_size: pageLimit.describe('the same, as Crossbar calls it; limit wins'),
});
type ListQuery = z.output<typeof listQuerystring>;

const accountParams = z.object({ account: accountId.describe('account id') });
const socketParams = accountParams.extend({ socket: z.string().min(1).max(256).describe('socket id') });
const security = [{ token: [] }, { bearer: [] }];
const refusals = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 429: errorSchema, 503: errorSchema };

const sample = z.object({ binding: z.string(), event: z.string() });
const offers = z.record(z.string(), z.union([z.array(sample), z.array(z.string())]));

export function addRestRoutes(http: Http, services: RestServices): void {
  const { info, cluster } = services;
  const dialectOf = (query: z.output<typeof querystring>): Dialect =>
    dialectNamed(query.dialect ?? services.defaultDialect);

  http.get(
    '/v2/websockets',
    {
      schema: {
        summary: 'What can be subscribed to',
        querystring,
        response: { 200: successSchema(offers), 400: errorSchema, 429: errorSchema },
      },
    },
    async (request) => successBody(info, request.id, offersOf(services.families, dialectOf(request.query))),
  );

  http.get(
    '/v2/accounts/:account/websockets',
    {
      schema: {
        summary: "An account's sockets, of all nodes",
        security,
        params: accountParams,
        querystring: listQuerystring,
        response: { 200: listSchema(z.union([z.array(z.string()), z.array(socketRecordSchema)])), ...refusals },
      },
    },
    async (request) => {
      const { account } = request.params;
      await authorize(request, account, 'sockets:read', services);
      services.unread.checkRoom();
      const idsOnly = dialectOf(request.query).socketsAs === 'ids';
      const page = pageRequestOf(request.query, idsOnly);
      const { found, partial } = await cluster.socketsOf(account, page);
      const data = found.records.map((record) => (idsOnly ? record.websocket_session_id : withoutOwner(record)));
      return successBody(info, request.id, data, { partial, paging: pagingOf(found, request.query) });
    },
  );

  http.get(
    '/v2/accounts/:account/websockets/:socket',
    {
      schema: {
        summary: 'One socket and its bindings',
        security,
        params: socketParams,
        querystring,
        response: {
          200: successSchema(z.union([z.array(socketRecordSchema), socketRecordSchema])),
          ...refusals,
          404: errorSchema,
        },
      },
    },
    async (request) => {
      const { account, socket } = request.params;
      await authorize(request, account, 'sockets:read', services);
      const { found, partial } = await cluster.findSocket(account, socket);
      if (found === undefined) throw noSuchSocket(partial);
      const data = dialectOf(request.query).socketsAs === 'ids' ? [found] : withoutOwner(found);
      return successBody(info, request.id, data, { partial });
    },
  );

  http.delete(
    '/v2/accounts/:account/websockets/:socket',
    {
      schema: {
        summary: 'Close a socket, on whichever node it is',
        security,
        params: socketParams,
        querystring,
        response: { 200: successSchema(z.object({})), ...refusals, 404: errorSchema },
      },
    },
    async (request) => {
      const { account, socket } = request.params;
      await authorize(request, account, 'sockets:close', services);
      const { found, partial } = await cluster.closeSocket(account, socket);
      if (!found) throw noSuchSocket(partial);
      return successBody(info, request.id, {}, { partial });
    },
  );
}

function pageRequestOf({ start_key, limit, page_size }: ListQuery, idsOnly: boolean): PageRequest {
  return { startKey: start_key, limit: limit ?? page_size, idsOnly };
}

/** A list that was not asked for in pages and fits on one says nothing of them. */
function pagingOf({ records, nextStartKey }: Page, { start_key, limit, page_size }: ListQuery): Paging | undefined {
  const isPaged = [start_key, limit, page_size, nextStartKey].some((value) => value !== undefined);
  if (!isPaged) return undefined;
  const startKey = start_key ?? records[0]?.websocket_session_id;
  return {
    page_size: records.length,
    ...(startKey !== undefined && { start_key: startKey }),
    ...(nextStartKey !== undefined && { next_start_key: nextStartKey }),
  };
}

function noSuchSocket(partial: boolean): HttpError {
  const message = partial ? 'not found (some node did not answer in time)' : 'not found';
  return new HttpError(404, message, { partial });
}

/** The list of all families, in the way of a dialect. */
function offersOf(families: readonly Family[], dialect: Dialect): Record<string, unknown[]> {
  return Object.fromEntries(
    families.map((family) => [
      family.name,
      family.offers.map((offer) => dialect.offer(offer)).filter((offer) => offer !== undefined),
    ]),
  );
}

/**
 * A token for A is one whose account is A or above it, and that has the scope.
 * @throws HttpError 401, 403 or 503
 */
async function authorize(
  request: FastifyRequest,
  account: string,
  scope: Scope,
  services: RestServices,
): Promise<void> {
  const token = services.tokenOf(request.headers);
  if (token === undefined) throw new HttpError(401, 'authentication token required');
  try {
    const identity: Identity = await services.authenticator.identify(token);
    if (!services.accounts.isWithin(account, identity.accountId)) throw new HttpError(403, 'unauthorized account id');
    checkScope(identity, scope);
  } catch (error) {
    if (!(error instanceof ActionError)) throw error;
    if (error.code === 'source_unavailable') throw new HttpError(503, error.message);
    throw new HttpError(error.code === 'scope_missing' ? 403 : 401, error.message);
  }
}
