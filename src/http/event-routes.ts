/** The events of late over REST, for programs that hold no socket. */
import { z } from 'zod';
import type { AccountDirectory } from '../auth/accounts.ts';
import { checkAccount, checkFamily, checkScope } from '../auth/authorization.ts';
import type { Identity } from '../auth/identity.ts';
import { type DialectName, dialectNamed } from '../dialects/dialects.ts';
import { ActionError } from '../errors.ts';
import type { Catalogue } from '../families/catalogue.ts';
import type { Binding } from '../families/family.ts';
import { notRecovered } from '../history/history.ts';
import { KeyedBuckets } from '../keyed-buckets.ts';
import type { EventPage, EventPages } from '../replay/event-pages.ts';
import { validIdentity } from './access.ts';
import { accountParams, dialectQuery, refusals, security } from './account-routes.ts';
import { errorSchema, HttpError, type NodeInfo, successBody, successSchema } from './envelope.ts';
import type { Http } from './http-server.ts';
import type { UnreadAnswers } from './unread-answers.ts';

export interface EventRouteServices {
  readonly info: NodeInfo;
  readonly accounts: AccountDirectory;
  readonly catalogue: Catalogue;
  readonly defaultDialect: DialectName;
  readonly unread: UnreadAnswers;
  /** Undefined: nothing is kept. */
  readonly eventPages: Pick<EventPages, 'fullFor' | 'read'> | undefined;
}

/** Of each token. */
const rate = { perSecond: 10, burst: 10 };
const maxBindings = 20;
const maxEvents = 1000;
const defaultEvents = 100;
const limitWords = `must be a whole number from 1 to ${maxEvents}`;

const bindings = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1).max(maxBindings)], {
    error: `must be a binding, or 2 to ${maxBindings} of them`,
  })
  .transform((value) => [...new Set(typeof value === 'string' ? [value] : value)]);

const querystring = dialectQuery.extend({
  binding: bindings.describe(`what to look for; may be repeated, at most ${maxBindings}`),
  since: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe('a cursor: events behind it, oldest first; without: the latest'),
  limit: z.coerce
    .number(limitWords)
    .int(limitWords)
    .min(1, limitWords)
    .max(maxEvents, limitWords)
    .default(defaultEvents)
    .describe('most frames of a page'),
});

const page = z.object({
  events: z.array(z.record(z.string(), z.unknown())).describe('frames of the dialect, with their cursors'),
  cursor: z.string().describe('everything up to here is on the page: the since of the next one'),
  more: z
    .boolean()
    .describe(
      'there is more behind it, or not all was looked at: to be asked for with the cursor, also where there are no events',
    ),
  recovered: z.boolean().describe('nothing is missing since the cursor that was asked for'),
  reason: z.enum(notRecovered).optional().describe('why not'),
});

export function addEventRoutes(http: Http, services: EventRouteServices): void {
  const rates = new KeyedBuckets(rate);
  http.get(
    '/v2/accounts/:account/events',
    {
      config: { scope: 'events', isFiltered: true },
      schema: {
        summary: 'Events of late, from the memory of this node',
        security,
        params: accountParams,
        querystring,
        response: { 200: successSchema(page), ...refusals, 501: errorSchema },
      },
    },
    async (request, reply) => {
      const { account } = request.params;
      const { query } = request;
      const identity = validIdentity(request);
      const retryAfterSeconds = rates.take([identity.tokenDigest], performance.now());
      if (retryAfterSeconds > 0) {
        throw new HttpError(429, `rate limit exceeded: ${rate.perSecond} requests a second`, { retryAfterSeconds });
      }
      const asked = understand(services.catalogue, account, query.binding, identity);
      if (services.eventPages === undefined) throw new HttpError(501, 'nothing is kept: HISTORY is off');
      services.unread.checkRoom();
      const asker = identity.accountId;
      checkQueue(services.eventPages, asker);
      const dialect = dialectNamed(query.dialect ?? services.defaultDialect);
      const { since, limit } = query;
      const isWanted = (): boolean => !reply.raw.destroyed;
      // While it waits for others' pages the token may end, the account may leave, and its realm may go to another one.
      const check = (): void => {
        const now = validIdentity(request);
        checkScope(now, 'events');
        checkAccount(now, account, services.accounts);
        understand(services.catalogue, account, query.binding, now);
      };
      const found = await services.eventPages.read({
        account,
        asker,
        bindings: asked,
        filter: identity.filter,
        since,
        limit,
        dialect,
        isWanted,
        check,
      });
      check();
      if (found === undefined) throw new ActionError('source_unavailable');
      // Pages wait for each other: those before this one may not be taken yet.
      services.unread.checkRoom();
      // As a text: events stay to the letter what the bus said.
      const text = withData(successBody(services.info, request.id, null), found);
      return reply.type('application/json; charset=utf-8').send(text as never);
    },
  );
}

/** @throws ActionError where one is no binding, or of a family that the token excludes */
function understand(
  catalogue: Catalogue,
  account: string,
  texts: readonly string[],
  identity: Identity,
): ReadonlyMap<string, Binding> {
  const understood = new Map<string, Binding>();
  for (const text of texts) {
    const binding = catalogue.parse(text, account);
    checkFamily(identity, binding.family);
    understood.set(text, binding);
  }
  return understood;
}

/** @throws HttpError where too many pages are waited for */
function checkQueue(pages: Pick<EventPages, 'fullFor'>, asker: string): void {
  const full = pages.fullFor(asker);
  if (full === 'account') {
    throw new HttpError(429, 'too many pages of events of this account are still being read', { retryAfterSeconds: 1 });
  }
  if (full === 'all')
    throw new HttpError(503, 'too many pages of events are still being read', { retryAfterSeconds: 5 });
}

/** The envelope with the page in the place of its `data`. */
function withData(body: object, { events, ...others }: EventPage): string {
  const rest = JSON.stringify(others).slice(1);
  return JSON.stringify(body).replace('"data":null', () => `"data":{"events":[${events.join(',')}],${rest}`);
}
