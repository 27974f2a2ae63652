/** The accounts below one: what a picker of accounts is filled with. */
import { expect, onTestFinished, test } from 'vitest';
import { AccountTree } from '../../src/auth/accounts.ts';
import { createAuthenticator } from '../../src/auth/authenticator.ts';
import { readConfig } from '../../src/config.ts';
import { checkAccess } from '../../src/http/access.ts';
import { addAccountRoutes } from '../../src/http/account-routes.ts';
import { createHttp } from '../../src/http/http-server.ts';
import { UnreadAnswers } from '../../src/http/unread-answers.ts';
import { headerToken } from '../../src/socket/upgrade.ts';
import { secret, tokenFor } from '../support/bridge.ts';
import { rest } from '../support/rest.ts';
import { silentLog } from '../support/silent-log.ts';

const info = { nodeName: 'node', version: '0.0.0' };

/** Listed in an order in which nobody stands behind their parent. */
const tree = new AccountTree([
  { id: 'till', parent_id: 'shop', name: 'Till <b>4</b>' },
  { id: 'shop', parent_id: 'reseller', name: 'Shop', realm: 'shop.example.com' },
  { id: 'office', parent_id: 'reseller', name: null, realm: null },
  { id: 'reseller', name: 'Reseller', realm: 'reseller.example.com' },
  { id: 'neighbour', name: 'Neighbour', realm: 'neighbour.example.com' },
]);

async function startWith(accounts: AccountTree) {
  const authenticator = createAuthenticator(readConfig({ AMQP_URL: 'amqp://127.0.0.1:1', AUTH_JWT_SECRET: secret }));
  const http = await createHttp(info, [], silentLog);
  checkAccess(http, { accounts, authenticator, tokenOf: headerToken });
  addAccountRoutes(http, { info, accounts, unread: new UnreadAnswers() });
  const address = await http.listen({ host: '127.0.0.1', port: 0, listenTextResolver: () => '' });
  onTestFinished(() => http.close());
  return async (account: string, token: string | undefined) =>
    rest({ address }, `/v2/accounts/${account}/descendants`, { token });
}

test('are all that there are at whatever depth, each behind its parent, the account itself and its neighbours left out', async () => {
  const ask = await startWith(tree);
  expect(await ask('reseller', await tokenFor('reseller'))).toMatchObject({
    status: 200,
    body: {
      status: 'success',
      node: 'node',
      data: [
        { id: 'shop', name: 'Shop', realm: 'shop.example.com', parent_id: 'reseller' },
        { id: 'office', name: null, realm: null, parent_id: 'reseller' },
        { id: 'till', name: 'Till <b>4</b>', realm: null, parent_id: 'shop' },
      ],
    },
  });
});

test('of an account without any, or that nobody listed, are none', async () => {
  const ask = await startWith(tree);
  for (const account of ['till', 'neighbour', 'unlisted']) {
    expect((await ask(account, await tokenFor(account))).body.data).toEqual([]);
  }
});

test('are for tokens of the account or of one above it, with the scope for events', async () => {
  const ask = await startWith(tree);
  expect((await ask('shop', await tokenFor('reseller'))).body.data).toHaveLength(1);
  expect((await ask('reseller', await tokenFor('shop'))).status).toBe(403);
  expect((await ask('shop', await tokenFor('neighbour'))).status).toBe(403);
  expect((await ask('shop', undefined)).status).toBe(401);
  expect((await ask('shop', await tokenFor('shop', { scope: 'sockets:read' }))).status).toBe(403);
});
