/** The demo: invented accounts, a token for them, and what a person reads at the start. */
import { randomBytes } from 'node:crypto';
import { Accounts, AccountTree } from '../auth/accounts.ts';
import { makeToken } from '../auth/token.ts';
import type { PbxAccount } from '../simulator/stage.ts';

/** The company that the demo's token is for, and a branch below it. */
export const demoAccounts: readonly [PbxAccount, PbxAccount] = [
  { id: '4b31dd1d32ce6d249897c06332375d65', name: 'Harbour Lights Hotel', realm: 'harbour.example.com' },
  { id: '8c0f5a2be91d4c7790d3ab7415e2f6aa', name: 'Harbour Lights Spa', realm: 'spa.harbour.example.com' },
];

const tokenSeconds = 7 * 86_400;

export interface Demo {
  readonly accounts: Accounts;
  /** Good for this process alone. */
  readonly secret: string;
  readonly token: string;
  readonly accountId: string;
  /** The account below it, which the token may watch, too. */
  readonly subAccount: { readonly id: string; readonly name: string };
}

export async function createDemo(): Promise<Demo> {
  const [company, branch] = demoAccounts;
  const secret = randomBytes(32).toString('base64url');
  return {
    accounts: new Accounts(new AccountTree([company, { ...branch, parent_id: company.id }])),
    secret,
    token: await makeToken(
      secret,
      { account_id: company.id, scope: 'events sockets:read sockets:close commands' },
      tokenSeconds,
    ),
    accountId: company.id,
    subAccount: { id: branch.id, name: branch.name },
  };
}

/** What `npm start` prints when no broker is configured. */
export function demoBanner(address: string, { token, accountId, subAccount }: Demo): string {
  const socketAddress = address.replace(/^http/, 'ws');
  // Commands know the usual address by themselves.
  const ownUrl = address === 'http://127.0.0.1:5555' ? '' : ` --url ${address}/`;
  return `
  Event Horizon: demo mode. Everything that you see is invented: calls, conferences, documents,
  faxes, presence, registrations and notifications of two accounts.

  Page        ${address}/
  WebSocket   ${socketAddress}/
  Account     ${accountId}
  Token       ${token}
              (made anew at each start)
  Sub-account ${subAccount.id}
              (${subAccount.name}: the token may watch it with "account_id")

  In another terminal:
    npx event-horizon listen${ownUrl}
    npx event-horizon calls --watch${ownUrl}

  To use it with RabbitMQ:
    AMQP_URL=amqp://user:password@host:5672 AUTH_JWT_SECRET=... npm start

`;
}
