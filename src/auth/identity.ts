/** Who a token stands for and what it may do; and the one interface through which the server asks. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { FamilyName } from '../families/family.ts';
import type { Filter } from '../filters/filter.ts';
import { filterSchema } from '../filters/filter-schema.ts';
import { type AccountDirectory, accountId } from './accounts.ts';

export type Scope = 'events' | 'sockets:read' | 'sockets:close' | 'commands';

/** What a token may do when it says nothing about it. */
const defaultScopes: ReadonlySet<string> = new Set<Scope>(['events', 'sockets:read', 'sockets:close']);

const eventsOnly: ReadonlySet<string> = new Set<Scope>(['events']);
const nothing: ReadonlySet<string> = new Set();

export interface Identity {
  readonly accountId: string;
  readonly ownerId: string | undefined;
  /** Unix time, ms; Infinity where only the authority that issued it knows. */
  readonly expiresAt: number;
  /** The token's own claim. The account tree may grant it as well: see `mayWatchEverything`. */
  readonly superduperAdmin: boolean;
  /** The families that may be subscribed to; undefined: all. */
  readonly families: ReadonlySet<string> | undefined;
  readonly scopes: ReadonlySet<string>;
  /** It is given the events that this holds for and nothing else, whatever it asks for; undefined: all. */
  readonly filter: Filter | undefined;
  /** SHA-256 of the token, hex. The token itself is not kept here. */
  readonly tokenDigest: string;
  /** Asks the authority again; there where a token can be revoked before it expires. */
  readonly renew?: () => Promise<Identity>;
}

/** Finds out who a token stands for. */
export interface Authenticator {
  /** @throws ActionError token_invalid, token_expired, or source_unavailable when the authority can't be reached */
  identify(token: string): Promise<Identity>;
}

/** The claims that this server reads, of a JWT or of a Crossbar's answer. */
export const claimsSchema = z.object({
  account_id: accountId,
  exp: z.number().optional(),
  owner_id: z.string().nullish(),
  superduper_admin: z.boolean().nullish(),
  families: z.array(z.string()).optional(),
  scope: z.string().optional(),
  filter: filterSchema.optional(),
});

export type Claims = z.output<typeof claimsSchema>;

export function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** @param claims checked by `claimsSchema` */
export function identityOf(claims: Claims, token: string): Identity {
  return {
    accountId: claims.account_id,
    ownerId: claims.owner_id ?? undefined,
    expiresAt: claims.exp === undefined ? Number.POSITIVE_INFINITY : claims.exp * 1000,
    superduperAdmin: claims.superduper_admin === true,
    families: claims.families === undefined ? undefined : new Set(claims.families),
    scopes: scopesOf(claims),
    filter: claims.filter,
    tokenDigest: digestOf(token),
  };
}

function scopesOf({ scope, filter }: Claims): ReadonlySet<string> {
  const words = scope?.split(' ').filter((word) => word !== '');
  // Nothing but events can be filtered: all else would show what the filter hides.
  if (filter !== undefined) return words === undefined || words.includes('events') ? eventsOnly : nothing;
  // One shared set for the many tokens without the claim: a node keeps an identity for each of its sockets.
  return words === undefined ? defaultScopes : new Set(words);
}

export function hasScope(identity: Identity, scope: Scope): boolean {
  return identity.scopes.has(scope);
}

export function mayWatchFamily(identity: Identity, family: FamilyName): boolean {
  return identity.families === undefined || identity.families.has(family);
}

/** Whether `account_id: "*"` is open to it. */
export function mayWatchEverything(identity: Identity, accounts: AccountDirectory): boolean {
  return identity.superduperAdmin || accounts.isSuperduperAdmin(identity.accountId);
}
