/** What is now, over REST: the queries of the WebSocket at the paths that Crossbar has for them. */
import { z } from 'zod';
import type { Identity } from '../auth/identity.ts';
import { callId, maxDetails } from '../queries/channels.ts';
import type { QueryRequest } from '../queries/queries.ts';
import type { QueryOutcome } from '../queries/query.ts';
import { validIdentity } from './access.ts';
import { accountParams, refusals, security } from './account-routes.ts';
import { errorSchema, HttpError, knowledgeSchema, type NodeInfo, successBody } from './envelope.ts';
import type { Http } from './http-server.ts';
import type { UnreadAnswers } from './unread-answers.ts';

/** Who asks the media nodes. */
export interface Asking {
  /** @throws ActionError */
  ask(request: QueryRequest, who: () => Identity): Promise<QueryOutcome>;
}

export interface QueryRouteServices {
  readonly info: NodeInfo;
  readonly queries: Asking;
  readonly unread: UnreadAnswers;
}

/** For one thing that is not known as long as some media node says nothing. */
const retryAfterSeconds = 2;

const entry = z.record(z.string(), z.unknown());

/** An id with a comma in it can be given where the parameter is repeated. */
const callIds = z
  .union([z.string(), z.array(z.string())])
  .optional()
  .describe('call ids to complete: the parameter repeated, or one with commas');

const channelsQuery = z.object({
  details: z.enum(['true', 'false']).optional().describe(`complete each entry, at most ${maxDetails} of them`),
  call_ids: callIds,
});

export function addQueryRoutes(http: Http, { info, queries, unread }: QueryRouteServices): void {
  /** @throws ActionError, HttpError */
  async function answerOf(
    request: { readonly id: string; readonly identity: Identity | undefined },
    query: QueryRequest,
  ): Promise<object> {
    unread.checkRoom();
    const outcome = await queries.ask(query, () => validIdentity(request));
    const { result, partial, detailsPartial } = outcome;
    if (result === null) throw absence(partial);
    return successBody(info, request.id, result, {
      knowledge: { partial, ...(detailsPartial === true && { details_partial: true as const }) },
    });
  }

  const schemaOf = <Params extends z.ZodType>(summary: string, params: Params, data: z.ZodType) => ({
    summary,
    security,
    params,
    response: { 200: knowledgeSchema(data), ...refusals, 404: errorSchema },
  });
  const config = { scope: 'events' } as const;

  http.get(
    '/v2/accounts/:account/channels',
    {
      config,
      schema: {
        ...schemaOf('The calls of an account', accountParams, z.array(entry)),
        querystring: channelsQuery,
      },
    },
    async (request) => {
      const { details, call_ids: ids } = request.query;
      return answerOf(request, {
        name: 'channels',
        account: request.params.account,
        arguments: { details: details === 'true', ...(ids !== undefined && { call_ids: listOf(ids) }) },
      });
    },
  );

  http.get(
    '/v2/accounts/:account/channels/:call',
    { config, schema: schemaOf('One call leg', accountParams.extend({ call: callId.describe('call id') }), entry) },
    async (request) => {
      const { account, call } = request.params;
      return answerOf(request, { name: 'channel', account, arguments: { call_id: call } });
    },
  );

  http.get(
    '/v2/accounts/:account/conferences',
    { config, schema: schemaOf('The conferences of an account that are held', accountParams, z.array(entry)) },
    async (request) => answerOf(request, { name: 'conferences', account: request.params.account, arguments: {} }),
  );

  http.get(
    '/v2/accounts/:account/conferences/:conference',
    {
      config,
      schema: schemaOf(
        'One conference and who is in it',
        accountParams.extend({ conference: z.string().min(1).max(256).describe('its name') }),
        entry,
      ),
    },
    async (request) => {
      const { account, conference } = request.params;
      return answerOf(request, { name: 'conference', account, arguments: { conference_id: conference } });
    },
  );

  http.get(
    '/v2/accounts/:account/registrations',
    {
      config,
      schema: {
        ...schemaOf('The devices of an account that are registered', accountParams, z.array(entry)),
        querystring: z.object({ username: z.string().min(1).max(128).optional().describe('of this one alone') }),
      },
    },
    async (request) =>
      answerOf(request, { name: 'registrations', account: request.params.account, arguments: request.query }),
  );
}

function absence(partial: boolean): HttpError {
  if (!partial) return new HttpError(404, 'not found');
  return new HttpError(503, 'not found, but not every media node answered', { partial, retryAfterSeconds });
}

function listOf(ids: string | readonly string[]): string[] {
  const given = typeof ids === 'string' ? ids.split(',') : ids;
  return given.filter((id) => id !== '');
}
