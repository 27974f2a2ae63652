/** `query`: what is now, asked of the media nodes of the bus. It holds up no other message of its socket. */
import { z } from 'zod';
import { ActionError } from '../errors.ts';
import { allQueries } from '../queries/queries.ts';
import type { Session } from '../session/session.ts';
import type { Action } from './action.ts';

/** Of a socket. */
const maxUnderWay = 4;
/** A larger result would be a backlog of its own; REST sends any size. */
const maxResultBytes = 524_288;

const message = z
  .object({
    data: z.looseObject({
      name: z.enum(allQueries.map(({ name }) => name)),
      account_id: z.string().min(1).max(128).optional(),
    }),
  })
  .transform(({ data }) => ({ name: data.name, accountId: data.account_id, arguments: data }));

type QueryMessage = z.output<typeof message>;

const reply = z.object({
  name: z.string().describe('the query'),
  account_id: z.string(),
  result: z.unknown().describe('what is, as far as it was told; null where one thing was asked for that is not there'),
  partial: z.boolean().describe('some media node did not answer in time: what is missing may be there all the same'),
  details_partial: z.literal(true).optional().describe('some entries are not completed'),
});

const underWay = new WeakMap<Session, number>();

export const query: Action<QueryMessage, z.output<typeof reply>> = {
  name: 'query',
  access: 'token',
  scope: 'events',
  isConcurrent: true,
  message,
  reply,

  authorize({ services, identity, message: { name, accountId } }) {
    services.queries.check({ name, account: accountId ?? identity.accountId }, identity);
  },

  checkLimits({ session }) {
    if ((underWay.get(session) ?? 0) < maxUnderWay) return;
    throw new ActionError('rate_limited', `rate limit exceeded: ${maxUnderWay} queries of a socket under way`);
  },

  async perform({ session, services, identity, message: { name, accountId, arguments: args } }) {
    const account = accountId ?? identity.accountId;
    underWay.set(session, (underWay.get(session) ?? 0) + 1);
    try {
      const outcome = await services.queries.ask({ name, account, arguments: args }, () => {
        // A fresh token may have taken the place of the one that asked, or there is none any more.
        if (!session.hasValidToken(Date.now())) throw new ActionError('token_expired');
        return session.identity ?? identity;
      });
      const bytes = Buffer.byteLength(JSON.stringify(outcome.result));
      if (bytes > maxResultBytes) {
        throw new ActionError(
          'too_large',
          `the result is too large for a socket (${bytes} bytes, the limit is ${maxResultBytes}): GET ${restPathOf(name, account)} has it`,
        );
      }
      return {
        name,
        account_id: account,
        result: outcome.result,
        partial: outcome.partial,
        ...(outcome.detailsPartial === true && { details_partial: true as const }),
      };
    } finally {
      underWay.set(session, (underWay.get(session) ?? 1) - 1);
    }
  },
};

/** Lists have the queries' names there, and what is in one has its own name below. */
function restPathOf(name: string, account: string): string {
  return `/v2/accounts/${account}/${name.replace(/s?$/, 's')}`;
}
