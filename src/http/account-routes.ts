/** What the routes of an account have in common: how their parameters and refusals look in the OpenAPI document. */
import { z } from 'zod';
import { accountId } from '../auth/accounts.ts';
import { dialectNames } from '../dialects/dialects.ts';
import { errorSchema } from './envelope.ts';

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
