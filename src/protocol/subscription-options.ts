/** What narrows a subscription: as clients write it beside their bindings, and as REST shows it. Pure. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { AskedFilter } from '../filters/filter.ts';
import { filterSchema } from '../filters/filter-schema.ts';

const maxExpirySeconds = 86_400;

/** Members of a subscribe's `data`; they belong to all of its bindings. */
export const optionFields = {
  filter: filterSchema.optional(),
  include_subaccounts: z.boolean().optional().describe('the account and all below it'),
  expires: z.int().min(1).max(maxExpirySeconds).optional().describe('the subscription ends after so many seconds'),
  once: z.boolean().optional().describe('it ends after its first event'),
};

const fields = z.object(optionFields);

/** As REST shows them: the filter is the client's own text. Those of a later version may have more members. */
export const subscriptionOptionsSchema = z.looseObject({
  ...optionFields,
  filter: z.unknown().refine(isObject, 'must be an object').meta({ type: 'object' }).optional(),
});

type OptionsBody = z.output<typeof subscriptionOptionsSchema>;

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What makes of a binding of an account another one. */
export interface Narrowing {
  readonly filter: AskedFilter | undefined;
  readonly includesSubaccounts: boolean;
  /** The same for those that ask for the same; empty where nothing narrows. */
  readonly key: string;
}

export const notNarrowed: Narrowing = { filter: undefined, includesSubaccounts: false, key: '' };

/** When a subscription ends by itself. */
export interface Lifetime {
  readonly expirySeconds: number | undefined;
  /** After its first event. */
  readonly isOnce: boolean;
}

/** What a message says of the subscriptions that it is about. */
export interface SubscriptionOptions {
  readonly narrowing: Narrowing;
  /** Undefined: they don't end by themselves. */
  readonly lifetime: Lifetime | undefined;
}

export function readOptions(options: z.output<typeof fields>): SubscriptionOptions {
  const { filter, include_subaccounts: includesSubaccounts = false, expires, once = false } = options;
  return {
    narrowing: filter === undefined && !includesSubaccounts ? notNarrowed : narrow(filter, includesSubaccounts),
    lifetime: expires === undefined && !once ? undefined : { expirySeconds: expires, isOnce: once },
  };
}

function narrow(filter: AskedFilter | undefined, includesSubaccounts: boolean): Narrowing {
  // A digest, since filters may be long, and many.
  const digest = filter === undefined ? '' : createHash('sha256').update(filter.key).digest('base64');
  return { filter, includesSubaccounts, key: `${includesSubaccounts ? '+' : ''}${digest}` };
}

/** As REST shows the options of a subscription. @returns null where there are none */
export function optionsBody(
  { filter, includesSubaccounts }: Narrowing,
  lifetime: Lifetime | undefined,
): OptionsBody | null {
  const body = {
    ...(filter !== undefined && { filter: filter.source }),
    ...(includesSubaccounts && { include_subaccounts: true }),
    ...(lifetime?.expirySeconds !== undefined && { expires: lifetime.expirySeconds }),
    ...(lifetime?.isOnce === true && { once: true }),
  };
  return Object.keys(body).length === 0 ? null : body;
}
