/** A broker, a line that can be ill-treated, the server, and a simulated PBX for each of four accounts. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { z } from 'zod';
import { makeToken } from '../../src/auth/token.ts';
import { type PbxAccount, pbxExchanges, startPbx } from '../../src/simulator/pbx.ts';
import { type AmqpProxy, openAmqpProxy } from '../support/amqp-line.ts';
import { join, type Member } from '../support/crowd.ts';
import { freePort, management, type Rabbit, startRabbit } from '../support/rabbit.ts';
import { SteadyPublisher, type Unsent } from '../support/steady-publisher.ts';
import { SoakServer } from './server.ts';

const secret = 'the secret of the soak, which is long enough for any algorithm';
const tokenSeconds = 86_400;
/** The PBX plays so many times as fast as a person. */
const speed = 10;
const publishEveryMs = 20;
/** What the PBX plays while the broker takes nothing is not kept. */
const maxWaiting = 200;

export const accounts: readonly PbxAccount[] = ['north', 'east', 'south', 'west'].map((name, index) => ({
  id: `${index + 1}`.repeat(32),
  name,
  realm: `${name}.example.com`,
}));

/** Everything that an account can listen to. */
const everything = [
  'call.*.*',
  'conference.event.*',
  'object.*.*',
  'fax.status.*',
  'presence.dialog.*',
  'presence.update.*',
  'presence.mwi_updates.*',
  'registration.success.*',
  'notifications.*.*',
];

const bindingSchema = z.array(z.object({ source: z.string(), destination: z.string(), routing_key: z.string() }));
export type Binding = z.output<typeof bindingSchema>[number];

export interface World {
  readonly rabbit: Rabbit;
  /** Between server and broker. */
  readonly line: AmqpProxy;
  readonly server: SoakServer;
  readonly publisher: SteadyPublisher;
  /** Of the broker itself. */
  readonly url: string;
  tokenFor(account: string): Promise<string>;
  deleteExchange(name: string): Promise<void>;
  /** What is bound for events. */
  bindings(): Promise<Binding[]>;
  /** Sockets that listen to everything of an account, so many for each. */
  openStayers(each: number): Promise<Member[]>;
  end(): Promise<void>;
}

/** @param seed the same one has the PBX play the same */
export async function createWorld(seed: number): Promise<World> {
  const folder = await mkdtemp(joinPath(tmpdir(), 'event-horizon-soak-'));
  const accountsFile = joinPath(folder, 'accounts.json');
  await writeFile(accountsFile, JSON.stringify(accounts));
  const rabbit = await startRabbit();
  const line = await openAmqpProxy(rabbit.amqpPort);
  const server = await SoakServer.start(await freePort(), {
    AMQP_URL: line.url('/'),
    AUTH_JWT_SECRET: secret,
    ACCOUNTS_FILE: accountsFile,
    NODE_NAME: 'soak',
    DRAIN_SECONDS: '0',
  });
  const url = `amqp://guest:guest@127.0.0.1:${rabbit.amqpPort}/`;
  const waiting: Unsent[] = [];
  const telephones = accounts.map((account, index) =>
    startPbx({
      accounts: [account],
      seed: seed + index,
      speed,
      publish: (message) => {
        if (waiting.length < maxWaiting) waiting.push({ account: account.id, ...message });
      },
    }),
  );
  const publisher = new SteadyPublisher(url, pbxExchanges, publishEveryMs, () => waiting.splice(0));
  publisher.start();
  const tokenFor = (account: string) => makeToken(secret, { account_id: account }, tokenSeconds);
  return {
    rabbit,
    line,
    server,
    publisher,
    url,
    tokenFor,
    deleteExchange: async (name) => void (await management(rabbit, 'DELETE', `/api/exchanges/%2F/${name}`)),
    async bindings() {
      const all = bindingSchema.parse(await management(rabbit, 'GET', '/api/bindings/%2F'));
      const exchanges: readonly string[] = pbxExchanges;
      return all.filter(({ source }) => exchanges.includes(source));
    },
    async openStayers(each) {
      const ids = accounts.flatMap(({ id }) => Array.from({ length: each }, () => id));
      return Promise.all(
        ids.map(async (id) => {
          const member = await join(server.socketAddress, id, await tokenFor(id), everything);
          member.since = publisher.sent.length;
          return member;
        }),
      );
    },
    async end() {
      for (const pbx of telephones) pbx.stop();
      await publisher.stop();
      await server.stop();
      line.close();
      await rabbit.remove();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
