/** What an event costs where somebody has asked for an account and all below it. */
import { Accounts, AccountTree } from '../../../src/auth/accounts.ts';
import { identityOf } from '../../../src/auth/identity.ts';
import { readOptions } from '../../../src/protocol/subscription-options.ts';
import { eventBody } from '../publisher.ts';
import { routerWorld } from '../router-world.ts';
import { median } from '../statistics.ts';
import type { Scenario } from './scenario.ts';

const events = 10_000;
const binding = 'call.*.*';
/** Accounts right below the top, each with a chain of accounts below. */
const branches = 2000;
const depth = 5;
const leafOf = (branch: number) => `account${branch}-${depth}`;
const accounts = new Accounts(
  new AccountTree([
    { id: 'top' },
    { id: 'another' },
    ...Array.from({ length: branches }, (_, branch) =>
      Array.from({ length: depth }, (_level, level) => ({
        id: `account${branch}-${level + 1}`,
        parent_id: level === 0 ? 'top' : `account${branch}-${level}`,
      })),
    ).flat(),
  ]),
);

interface Case {
  readonly name: string;
  /** Who holds a subscription: to its own account, or with all below it. */
  readonly plain: readonly string[];
  readonly trees: readonly string[];
}

const leaves = Array.from({ length: branches }, (_, branch) => leafOf(branch));
const base: Case = { name: 'for its own account; nobody asks for accounts below', plain: leaves, trees: [] };
const cases: readonly Case[] = [
  base,
  { name: 'the same, and elsewhere somebody does', plain: leaves, trees: ['another'] },
  { name: 'for the account five levels above', plain: [], trees: ['top'] },
  { name: 'for both', plain: leaves, trees: ['top'] },
];

export const subaccounts: Scenario = async (setting) => {
  const worlds = cases.map((each) => ({ each, route: worldOf(each), costs: [] as number[] }));
  for (let round = 0; round < setting.rounds * 5; round += 1) {
    for (const { route, costs } of worlds) costs.push(cost(route));
  }
  const ofBase = median(worlds.find(({ each }) => each === base)?.costs ?? []);
  return [
    {
      title: 'Accounts below',
      note: 'One event of 1.4 kB of an account five levels below another one, among 10,000 accounts, from its AMQP body to whom it is for; µs of the processor, medians.',
      columns: ['µs an event', 'times the first'],
      rows: worlds.map(({ each, costs }) => ({ name: each.name, values: [median(costs), median(costs) / ofBase] })),
    },
  ];
};

function worldOf({ plain, trees }: Case): (body: Buffer, at: number) => void {
  const { catalogue, registry, router, open } = routerWorld(accounts);
  const subscribe = (account: string, include_subaccounts: boolean): void => {
    const parse = () => catalogue.parse(binding, account, include_subaccounts);
    const interest = registry.hold(account, binding, parse, readOptions({ include_subaccounts }).narrowing);
    registry.subscribe(open(identityOf({ account_id: account }, 'a token')), interest, undefined);
  };
  for (const account of plain) subscribe(account, false);
  for (const account of trees) subscribe(account, true);
  return (body, at) =>
    void router.route({
      exchange: 'callevt',
      routingKey: `call.CHANNEL_CREATE.call${at}`,
      body,
      contentEncoding: undefined,
    });
}

/** @returns µs of the processor an event: what else the machine does is no matter */
function cost(route: (body: Buffer, at: number) => void): number {
  const bodies = Array.from({ length: 200 }, (_, at) => eventBody(leafOf((at * 7919) % branches)));
  const before = process.cpuUsage();
  for (let at = 0; at < events; at += 1) route(bodies[at % bodies.length] as Buffer, at);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / events;
}
