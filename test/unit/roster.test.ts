import { expect, test } from 'vitest';
import type { z } from 'zod';
import type { advertiseSchema } from '../../src/cluster/messages.ts';
import { Roster } from '../../src/cluster/roster.ts';

type Advertisement = z.output<typeof advertiseSchema>;

function advertisement(name: string, changes: Partial<Advertisement> = {}): Advertisement {
  return {
    Node: name,
    'Event-Category': 'nodes',
    'Event-Name': 'advertise',
    Expires: 5000,
    WhApps: ['blackhole'],
    ...changes,
  };
}

test('a flood of forged nodes fills no more than the roster has room for, and pushes out none that is known', () => {
  const roster = new Roster('own', 'blackhole');
  for (const now of [0, 5000]) for (const name of ['north', 'south']) roster.note(advertisement(name), now);
  for (let index = 0; index < 10_000; index += 1) roster.note(advertisement(`forged-${index}`), 6000);
  const living = roster.living(6000);
  expect(living.size).toBe(256);
  expect([...living]).toEqual(expect.arrayContaining(['north', 'south', 'forged-9999']));
});

test('a roster full of nodes that go on living takes no more', () => {
  const roster = new Roster('own', 'blackhole');
  for (const now of [0, 5000])
    for (let index = 0; index < 256; index += 1) roster.note(advertisement(`node-${index}`), now);
  expect(roster.note(advertisement('late'), 6000)).toBe('full');
  expect(roster.living(6000).has('late')).toBe(false);
  roster.note(advertisement('node-7', { Expires: 0 }), 6000);
  expect(roster.note(advertisement('late'), 6000)).toBe('new');
});

test('no node is waited for longer than two minutes because it once said so', () => {
  const roster = new Roster('own', 'blackhole');
  roster.note(advertisement('boaster', { Expires: 3_600_000 }), 0);
  expect(roster.living(119_000).size).toBe(1);
  expect(roster.living(121_000).size).toBe(0);
});
