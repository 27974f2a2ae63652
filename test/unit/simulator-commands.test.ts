/** The simulated PBX obeys: what commands do to its calls, as the calls' events tell it. */
import { expect, test } from 'vitest';
import type { Channel } from '../../src/simulator/channel.ts';
import { startMediaNodes } from '../../src/simulator/media-nodes.ts';
import { type PbxMessage, startPbx } from '../../src/simulator/pbx.ts';
import { accounts, createFakeTimers, minute } from '../support/simulated-pbx.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A PBX that has played until the first account has such a channel. */
function playUntil(isIt: (channel: Channel) => boolean, seed = 7) {
  const timers = createFakeTimers();
  const heard: PbxMessage[] = [];
  const pbx = startPbx({ accounts, seed, timers, publish: (message) => void heard.push(message) });
  const nodes = startMediaNodes(pbx, () => undefined);
  const [one] = pbx.playing;
  if (one === undefined) throw new Error('no account');
  let found: Channel | undefined;
  for (let steps = 0; found === undefined && steps < 20_000; steps += 1) {
    timers.advance(100);
    found = [...one.line.channels].find(isIt);
  }
  if (found === undefined) throw new Error('no such channel');
  const channel = found;
  heard.length = 0;
  const command = (action: string, data: Fields = {}, callId = channel.callId) =>
    nodes.hear({ 'Event-Name': 'action', 'Call-ID': callId, Action: action, Data: data });
  /** What happens to these channels from now on. */
  const eventsOf = (ms: number, ...ids: string[]) => {
    timers.advance(ms);
    return heard
      .filter(({ exchange, payload }) => exchange === 'callevt' && ids.includes(String(payload['Call-ID'])))
      .map(({ payload }) => `${payload['Event-Name']} ${ids.indexOf(String(payload['Call-ID']))}`);
  };
  return { timers, heard, pbx, one, channel, command, eventsOf };
}

const living = (channel: Channel | undefined) => channel?.answeredAt !== undefined;
const bridged = (channel: Channel) =>
  channel.direction === 'inbound' && living(channel) && living(channel.otherLeg) && channel.slot === undefined;
const other = ({ otherLeg }: Channel): string => otherLeg?.callId ?? '';

test('hangup ends both ends, once, and the office goes on', () => {
  const { channel, command, eventsOf, one, timers, heard } = playUntil(bridged);
  const ids = [channel.callId, other(channel)];
  command('hangup');
  expect(eventsOf(minute, ...ids)).toEqual(['CHANNEL_DESTROY 0', 'CHANNEL_DESTROY 1']);
  timers.advance(20 * minute);
  expect(heard.length).toBeGreaterThan(500);
  expect(one.line.channels.size).toBeLessThan(30);
});

test('hangup of a call that rings, is parked or is in a conference', () => {
  const ringing = playUntil(({ direction, answeredAt }) => direction === 'outbound' && answeredAt === undefined);
  ringing.command('hangup');
  expect(ringing.eventsOf(minute, ringing.channel.callId, other(ringing.channel))).toEqual([
    'CHANNEL_DESTROY 0',
    'CHANNEL_DESTROY 1',
  ]);
  const parked = playUntil(({ slot }) => slot !== undefined);
  parked.command('hangup');
  expect(parked.eventsOf(minute, parked.channel.callId)).toEqual(['PARK_ABANDONED 0', 'CHANNEL_DESTROY 0']);

  const world = playUntil(() => true);
  let member: Channel | undefined;
  for (let step = 0; step < 5000 && member === undefined; step += 1) {
    world.timers.advance(100);
    member = [...world.one.conferences.open].flatMap(({ members }) => members)[0]?.channel;
  }
  const id = member?.callId ?? '';
  world.command('hangup', {}, id);
  expect(world.eventsOf(10, id)).toContain('CHANNEL_DESTROY 0');
  const left = world.heard.filter(({ payload }) => payload['Call-ID'] === id).map(({ payload }) => payload.Event);
  expect(left).toContain('del-member');
  world.timers.advance(30 * minute);
});

test('every member of a conference can be hung up, and another one is held later', () => {
  const world = playUntil(() => true);
  let hungUp = 0;
  for (let step = 0; step < 6000; step += 1) {
    world.timers.advance(100);
    for (const { members } of world.one.conferences.open) {
      for (const { channel } of members) {
        hungUp += 1;
        world.command('hangup', {}, channel.callId);
      }
    }
  }
  expect(hungUp).toBeGreaterThan(10);
  const free = world.one.office.people.filter(({ id }) => !world.one.office.engaged.has(id));
  expect(free.length).toBeGreaterThan(0);
});

test('hold and resume', () => {
  const { channel, command, eventsOf, heard } = playUntil(bridged);
  command('hold');
  expect(eventsOf(50, channel.callId)).toEqual(['CHANNEL_HOLD 0']);
  command('hold');
  command('resume');
  expect(eventsOf(50, channel.callId)).toEqual(['CHANNEL_HOLD 0', 'CHANNEL_UNHOLD 0']);
  heard.length = 0;
  command('resume');
  expect(eventsOf(50, channel.callId)).toEqual([]);
});

test('transfer: who commands it leaves, the other end is joined with the target', () => {
  const { channel, command, eventsOf, heard, one } = playUntil(bridged);
  const target = one.office.people.find(({ id }) => !one.office.engaged.has(id));
  const ids = [channel.callId, other(channel)];
  command('transfer', { target: target?.extension, 'transfer-type': 'blind' });
  const events = eventsOf(2 * minute, ...ids);
  expect(events).toEqual(['CHANNEL_DESTROY 0', 'CHANNEL_BRIDGE 1', 'CHANNEL_DESTROY 1']);
  const rung = heard.find(
    ({ payload }) => payload['Event-Name'] === 'CHANNEL_CREATE' && payload['Other-Leg-Call-ID'] === ids[1],
  );
  expect(rung?.payload).toMatchObject({ 'Callee-ID-Number': target?.extension, 'Call-Direction': 'outbound' });
});

test('park and, if nobody fetches the call, its end', () => {
  const { channel, command, eventsOf } = playUntil(bridged);
  command('park');
  expect(eventsOf(minute, channel.callId, other(channel))).toEqual([
    'CHANNEL_DESTROY 1',
    'PARK_PARKED 0',
    'PARK_ABANDONED 0',
    'CHANNEL_DESTROY 0',
  ]);
});

test('intercept: a device or a user takes the call; not where it is bridged, if that was asked', () => {
  const { channel, command, eventsOf, heard, one } = playUntil(bridged);
  const person = one.office.people.find(({ id }) => !one.office.engaged.has(id));
  const ids = [channel.callId, other(channel)];
  command('intercept', { target_type: 'user', target_id: 'nobody' });
  command('intercept', { target_type: 'user', target_id: person?.id, unbridged_only: true });
  expect(eventsOf(10, ...ids)).toEqual([]);
  command('intercept', { target_type: 'device', target_id: person?.devices[0]?.id });
  const events = eventsOf(2 * minute, ...ids);
  expect(events).toEqual(['CHANNEL_DESTROY 1', 'CHANNEL_BRIDGE 0', 'CHANNEL_DESTROY 0']);
  expect(heard.some(({ payload }) => payload['Callee-ID-Number'] === person?.extension)).toBe(true);
});

test('what makes no sense comes to nothing', () => {
  const { channel, command, eventsOf } = playUntil(
    ({ answeredAt, direction }) => answeredAt === undefined && direction === 'inbound',
  );
  command('hangup', {}, 'nobody');
  command('explode');
  for (const action of ['hold', 'resume', 'park']) command(action);
  command('transfer', { target: '1001' });
  expect(eventsOf(10, channel.callId)).toEqual([]);
});
