/** What can be subscribed to, and which sockets an account has. Bodies follow the dialect. */
import { z } from 'zod';
import type { Gathered } from '../cluster/cluster.ts';
import { type SocketRecord, withoutOwner } from '../cluster/messages.ts';
import { maxPageRecords, type Page, type PageRequest } from '../cluster/pages.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { type DialectName, dialectNamed } from '../dialects/dialects.ts';
import type { Family } from '../families/family.ts';
import { subscriptionOptionsSchema } from '../protocol/subscription-options.ts';
import { accountParams, dialectQuery, refusals, security } from './account-routes.ts';
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
  readonly cluster: ClusterSockets;
  readonly unread: UnreadAnswers;
  readonly defaultDialect: DialectName;
}

/** A socket, as its account may see it. */
const socketBody = z.object({
  websocket_session_id: z.string(),
  bindings: z.array(z.string()),
  options: z.array(subscriptionOptionsSchema.nullable()).describe('of each binding; null where there are none'),
  timestamp: z.union([z.number(), z.string()]).optional().describe('when it connected; seconds since the year 0'),
  source: z.string().optional().describe("the client's address"),
  destination: z.string().optional().describe('the node'),
  name: z.string().optional(),
  metadata: z.unknown().optional(),
  watching: z
    .literal(true)
    .optional()
    .describe('it is of an account above, with subscriptions for this one: only those are shown'),
});
/** The same with whose it is. */
const ownedSocketBody = socketBody.extend({
  account_id: z.string().optional(),
  auth_token: z.string().optional().describe("`sha256:` and the beginning of its token's digest"),
});

const pageLimit = z.coerce.number().int().min(1).max(maxPageRecords).optional();
const listQuerystring = dialectQuery.extend({
  start_key: z.string().min(1).max(256).optional().describe('`next_start_key` of the page before'),
  limit: pageLimit.describe('most records of a page'),
  page_size: pageLimit.describe('the same, as Crossbar calls it; limit wins'),
});
type ListQuery = z.output<typeof listQuerystring>;

const socketParams = accountParams.extend({ socket: z.string().min(1).max(256).describe('socket id') });

const sample = z.object({ binding: z.string(), event: z.string() });
const offered = z.union([z.array(sample), z.array(z.string())]);

/** A member for each family, with the forms of its bindings. */
function offersSchema(families: readonly Family[]) {
  return z.object(
    Object.fromEntries(
      families.map(({ name, offers }) => {
        const forms = offers.flatMap(({ form }) => (form === undefined ? [] : [`\`${form}\``]));
        return [name, offered.describe(`bindings: ${forms.join(', ')}`)];
      }),
    ),
  );
}

export function addRestRoutes(http: Http, services: RestServices): void {
  const { info, cluster } = services;
  const dialectOf = (query: z.output<typeof dialectQuery>): Dialect =>
    dialectNamed(query.dialect ?? services.defaultDialect);

  http.get(
    '/v2/websockets',
    {
      schema: {
        summary: 'What can be subscribed to',
        querystring: dialectQuery,
        response: { 200: successSchema(offersSchema(services.families)), 400: errorSchema, 429: errorSchema },
      },
    },
    async (request) => successBody(info, request.id, offersOf(services.families, dialectOf(request.query))),
  );

  http.get(
    '/v2/accounts/:account/websockets',
    {
      config: { scope: 'sockets:read' },
      schema: {
        summary: "An account's sockets, of all nodes",
        security,
        params: accountParams,
        querystring: listQuerystring,
        response: { 200: listSchema(z.union([z.array(z.string()), z.array(socketBody)])), ...refusals },
      },
    },
    async (request) => {
      const { account } = request.params;
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
      config: { scope: 'sockets:read' },
      schema: {
        summary: 'One socket and its bindings',
        security,
        params: socketParams,
        querystring: dialectQuery,
        response: {
          200: successSchema(z.union([z.array(ownedSocketBody), socketBody])),
          ...refusals,
          404: errorSchema,
        },
      },
    },
    async (request) => {
      const { account, socket } = request.params;
      const { found, partial } = await cluster.findSocket(account, socket);
      if (found === undefined) throw noSuchSocket(partial);
      const data = dialectOf(request.query).socketsAs === 'ids' ? [found] : withoutOwner(found);
      return successBody(info, request.id, data, { partial });
    },
  );

  http.delete(
    '/v2/accounts/:account/websockets/:socket',
    {
      // No page may close sockets from afar.
      config: { scope: 'sockets:close' },
      schema: {
        summary: 'Close a socket, on whichever node it is',
        security,
        params: socketParams,
        querystring: dialectQuery,
        response: { 200: successSchema(z.object({})), ...refusals, 404: errorSchema },
      },
    },
    async (request) => {
      const { account, socket } = request.params;
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
