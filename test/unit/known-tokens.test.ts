import { expect, test } from 'vitest';
import type { Authenticator, Identity } from '../../src/auth/identity.ts';
import { digestOf, identityOf } from '../../src/auth/identity.ts';
import { rememberTokens } from '../../src/auth/known-tokens.ts';
import { ActionError } from '../../src/errors.ts';

/** Accepts every token, as one of the account of its name, and tells how often it was asked. */
function counted(secondsLeft = 3600): Authenticator & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    async identify(token): Promise<Identity> {
      asked.push(token);
      const exp = Date.now() / 1000 + secondsLeft;
      if (token === 'bad') throw new ActionError('token_invalid');
      return identityOf({ account_id: token, exp }, token);
    },
  };
}

test('a token is checked once, and each is itself', async () => {
  const authority = counted();
  const authenticator = rememberTokens(authority);
  const identities = [];
  for (const token of ['alpha', 'beta', 'alpha', 'beta']) identities.push(await authenticator.identify(token));
  expect(authority.asked).toEqual(['alpha', 'beta']);
  expect(identities.map(({ accountId }) => accountId)).toEqual(['alpha', 'beta', 'alpha', 'beta']);
  expect(identities[2]?.tokenDigest).toBe(digestOf('alpha'));
});

test('a token that has expired is asked about again', async () => {
  const authority = counted(-1);
  const authenticator = rememberTokens(authority);
  await authenticator.identify('alpha');
  await authenticator.identify('alpha');
  expect(authority.asked).toHaveLength(2);
});

test('a refused token is asked about each time', async () => {
  const authority = counted();
  const authenticator = rememberTokens(authority);
  for (let round = 0; round < 2; round += 1) await expect(authenticator.identify('bad')).rejects.toThrow(ActionError);
  expect(authority.asked).toHaveLength(2);
});

test('the oldest goes when there are too many', async () => {
  const authority = counted();
  const authenticator = rememberTokens(authority, 2);
  for (const token of ['a', 'b', 'c', 'c', 'b', 'a']) await authenticator.identify(token);
  expect(authority.asked).toEqual(['a', 'b', 'c', 'a']);
});
