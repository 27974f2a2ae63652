/** The board of the client library beside the simulated PBX, on a real server and broker: whatever is cut, it shows what the PBX has. */
import { expect, onTestFinished, test } from 'vitest';
import type { Board } from '../../src/client/types.ts';
import { useAccountsFile } from '../support/accounts-file.ts';
import {
  callsOfBoard,
  callsOfPbx,
  registrationsOfBoard,
  registrationsOfPbx,
  roomsOfBoard,
  roomsOfPbx,
} from '../support/board-pbx.ts';
import { type Bridge, startBridge, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { type Cable, layCable } from '../support/cable.ts';
import { openHorizon } from '../support/horizon.ts';
import { type PlayedPbx, playPbx } from '../support/played-pbx.ts';
import { accountIds, accounts } from '../support/simulated-pbx.ts';
import { until } from '../support/until.ts';

const [account] = accountIds as [string];

interface World extends PlayedPbx {
  readonly broker: Broker;
  readonly bridge: Bridge;
  readonly cable: Cable;
  readonly board: Board;
  readonly gaps: readonly unknown[];
}

/** A node can't know in its first 15 s which media nodes there are: until then no answer is the whole truth. */
const longTest = 90_000;

async function startWorld(settings: Record<string, string>): Promise<World> {
  const broker = await useBroker();
  const played = await playPbx(broker, accounts);
  const { path } = await useAccountsFile(accounts);
  const bridge = await startBridge({ ACCOUNTS_FILE: path, ...settings }, broker);
  const cable = await layCable(Number(new URL(bridge.address).port));
  const { horizon, gaps } = openHorizon(cable, { token: await tokenFor(account) });
  const board = horizon.board();
  onTestFinished(() => board.close());
  return { ...played, broker, bridge, cable, board, gaps };
}

function sides({ pbx, parked, board }: World) {
  const [now] = pbx.snapshot();
  if (now === undefined) throw new Error('no account');
  const unknown = { parking: parked };
  const picture = {
    calls: { list: board.calls },
    conferences: { list: board.conferences },
    registrations: { list: board.registrations },
  } as unknown as Parameters<typeof callsOfBoard>[0] &
    Parameters<typeof roomsOfBoard>[0] &
    Parameters<typeof registrationsOfBoard>[0];
  return [
    [callsOfBoard(picture, unknown), roomsOfBoard(picture), registrationsOfBoard(picture, Date.now())],
    [callsOfPbx(now, unknown), roomsOfPbx(now), registrationsOfPbx(now, Date.now())],
  ] as const;
}

/** Events are on their way while one looks: at some moment soon both are the same. */
async function expectSame(world: World): Promise<void> {
  await until(() => !world.board.isStale, 'a board that is sure');
  await until(() => {
    const [board, pbx] = sides(world);
    return !world.board.isStale && JSON.stringify(board) === JSON.stringify(pbx);
  }, 'the board and the PBX to be the same');
  expect(sides(world)[0][0].length).toBeGreaterThan(0);
}

const someTime = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('with a history nothing is asked for again: lines are cut, the broker is away, another node takes over', {
  timeout: longTest,
}, async () => {
  const world = await startWorld({ HISTORY: 'stream', NODE_NAME: 'one' });
  const { board, bridge, cable, broker } = world;
  expect(board.isStale).toBe(true);
  await expectSame(world);
  world.parked.clear();
  cable.cut();
  await until(() => board.isStale, 'a board that knows that it is alone');
  await expectSame(world);

  await broker.killConnections();
  await until(() => board.isStale, 'a board that knows of the broker');
  await expectSame(world);

  const settings = { ACCOUNTS_FILE: bridge.config.ACCOUNTS_FILE, HISTORY: 'stream', NODE_NAME: 'other' };
  const other = await startBridge(settings, broker);
  cable.restore(Number(new URL(other.address).port));
  await bridge.stop();
  await until(() => board.isStale, 'a board that has lost its node');
  await expectSame(world);
  expect(world.gaps).toEqual([]);

  // What is lost even so is told, and asked for.
  world.parked.clear();
  await (await broker.channel()).deleteQueue('horizon.history');
  await until(() => world.gaps.length > 0, 'a gap');
  expect(board.isStale).toBe(true);
  await expectSame(world);
});

test('without a history what was missed is asked for', { timeout: longTest }, async () => {
  const world = await startWorld({});
  const { board, cable, broker } = world;
  await expectSame(world);
  for (const cut of [() => cable.cut(), () => broker.killConnections()]) {
    world.parked.clear();
    await cut();
    await until(() => board.isStale, 'a board that is stale');
    await someTime(300);
    await expectSame(world);
  }
  expect(world.gaps.length).toBeGreaterThanOrEqual(2);
});
