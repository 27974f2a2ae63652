import { expect, test } from 'vitest';
import type { Identity } from '../../src/auth/identity.ts';
import { Renewals } from '../../src/auth/renewals.ts';

interface Asked {
  readonly token: number;
  answer(identity: Identity): void;
  fail(error: Error): void;
}

/** An authority whose answers the test gives. */
function createAuthority() {
  const asked: Asked[] = [];
  const ask = (token: number) => (): Promise<Identity> =>
    new Promise((answer, fail) => asked.push({ token, answer, fail }));
  return { asked, ask };
}

const identity = { accountId: 'acme' } as Identity;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('so many at a time: the next is asked about as soon as one was answered, or could not be', async () => {
  const { asked, ask } = createAuthority();
  const renewals = new Renewals(20);
  const outcomes = Array.from({ length: 50 }, (_, token) => renewals.renew(`digest ${token}`, ask(token)));
  const settled = Promise.allSettled(outcomes);
  expect(asked).toHaveLength(20);
  for (let answered = 0; answered < 50; answered += 1) {
    if (answered % 2 === 0) asked[answered]?.answer(identity);
    else asked[answered]?.fail(new Error('away'));
    await turn();
    expect(asked).toHaveLength(Math.min(50, 21 + answered));
  }
  expect(asked.map(({ token }) => token)).toEqual(outcomes.map((_, token) => token));
  expect((await settled).filter(({ status }) => status === 'fulfilled')).toHaveLength(25);
  void renewals.renew('another', ask(50));
  expect(asked).toHaveLength(51);
});

test('one token is asked about once, for all that want to know meanwhile', async () => {
  const { asked, ask } = createAuthority();
  const renewals = new Renewals();
  const outcomes = [renewals.renew('one', ask(1)), renewals.renew('one', ask(1))];
  expect(asked).toHaveLength(1);
  asked[0]?.answer(identity);
  expect(await Promise.all(outcomes)).toEqual([identity, identity]);
  void renewals.renew('one', ask(1));
  expect(asked).toHaveLength(2);
});
