/** The message of actions that are about bindings. */
import { z } from 'zod';
import { everyAccount } from '../families/family.ts';
import { jsonBytes } from '../json-bytes.ts';
import { optionFields, readOptions, type SubscriptionOptions } from '../protocol/subscription-options.ts';

const maxNameCharacters = 256;
const maxMetadataBytes = 4096;

const name = z.string().max(maxNameCharacters);
/** Any JSON. Its size is all that matters, and a nesting too deep to print again is over it in any case. */
const metadata = z.unknown().refine(isSmall, `must be at most ${maxMetadataBytes} bytes of JSON`);

function isSmall(value: unknown): boolean {
  return value === undefined || jsonBytes(value) <= maxMetadataBytes;
}

/** The first item that is no text ends the check: zod's own lists note a fault for each of 30,000, which takes 40 ms. */
const texts = z
  .unknown()
  .transform((value, context): readonly string[] => {
    if (!Array.isArray(value)) {
      context.addIssue({ code: 'invalid_type', expected: 'array', input: value });
      return z.NEVER;
    }
    const wrong = value.findIndex((item) => typeof item !== 'string');
    if (wrong < 0) return value;
    context.addIssue({ code: 'invalid_type', expected: 'string', input: value[wrong], path: [wrong] });
    return z.NEVER;
  })
  // What JSON Schema shall say of it.
  .meta({ type: 'array', items: { type: 'string' } });

const members = z.object({
  account_id: z.string().min(1).max(128).optional().describe("the token's own without it; * for all accounts"),
  binding: z.string().optional().describe('one binding; it wins over `bindings`'),
  bindings: texts.optional(),
  name: name.optional(),
  metadata: metadata.optional(),
  /** A cursor of this server's; what is none is answered as unknown. */
  since: z.string().min(1).max(256).optional(),
  ...optionFields,
});
const data = members.refine(
  ({ account_id, include_subaccounts }) => account_id !== everyAccount || include_subaccounts !== true,
  { path: ['include_subaccounts'], error: `not together with account_id "${everyAccount}"` },
);

export interface BindingsMessage {
  readonly accountId: string | undefined;
  /** Without repetitions, in the order in which they came. */
  readonly bindings: readonly string[];
  /** Neither `binding` nor `bindings` is there: to unsubscribe so means everything, an empty list doesn't. */
  readonly namesNoBindings: boolean;
  readonly name: string | undefined;
  readonly metadata: unknown;
  /** Everything up to this cursor the client has. */
  readonly since: string | undefined;
  readonly options: SubscriptionOptions;
}

export const bindingsMessage = z
  .object({ data: data.optional(), name: name.optional(), metadata: metadata.optional() })
  .transform(
    ({ data: fields, ...outer }): BindingsMessage => ({
      accountId: fields?.account_id,
      bindings: bindingsOf(fields?.binding, fields?.bindings),
      namesNoBindings: fields?.binding === undefined && fields?.bindings === undefined,
      name: fields?.name ?? outer.name,
      metadata: fields?.metadata ?? outer.metadata,
      since: fields?.since,
      options: readOptions(fields ?? {}),
    }),
  );

/** The singular wins over the plural when both are there. */
function bindingsOf(binding: string | undefined, bindings: readonly string[] | undefined): string[] {
  if (binding !== undefined) return binding === '' ? [] : [binding];
  return [...new Set(bindings)];
}

/** Bindings to the letter, as replies list them. */
export const bindingTexts = z.array(z.string()).readonly();
