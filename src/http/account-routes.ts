/**
 * What the routes of an account have in common: how their parameters and refusals look in the OpenAPI document. And the
 * accounts below one, at Crossbar's path.
 */
import { z } from 'zod';
import { type AccountListing, accountId } from '../auth/accounts.ts';
import { dialectNames } from '../dialects/dialects.ts';
import { errorSchema, type NodeInfo, successBody, successSchema } from './envelope.ts';
import type { Http } from './http-server.ts';
import type { UnreadAnswers } from './unread-answers.ts';

export const accountParams = z.object({ account: accountId.describe('account id') });

export const dialectQuery = z.object({
  dialect: z
    .enum(dialectNames, `must be ${dialectNames.join(' or ')}`)
    .optional()
    .describe('how the body looks'),
});

/** Either header will do. */
export const security = [{ token: [] }, { bearer: [] }];

/** What any of them may answer. */
export const refusals = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 429: errorSchema, 503: errorSchema };

const descendant = z.object({
  id: z.string(),
  name: z.string().nullable(),
  realm: z.string().nullable(),
  parent_id: z.string(),
});

export interface AccountRouteServices {
  readonly info: NodeInfo;
  readonly accounts: AccountListing;
  readonly unread: UnreadAnswers;
}

/** The accounts below one, as this node's tree has them now: for a picker of accounts. */
export function addAccountRoutes(http: Http, { info, accounts, unread }: AccountRouteServices): void {
  http.get(
    '/v2/accounts/:account/descendants',
    {
      config: { scope: 'events' },
      schema: {
        summary: 'The accounts below an account',
        security,
        params: accountParams,
        response: { 200: successSchema(z.array(descendant)), ...refusals },
      },
    },
    async (request) => {
      unread.checkRoom();
      return successBody(info, request.id, accounts.descendantsOf(request.params.account));
    },
  );
}
