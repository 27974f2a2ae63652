/**
 * What commands do to calls: hang up, hold, resume, transfer, park, intercept. One that makes no sense for its call comes to
 * nothing, as on a real switch; the call's events tell what became of it.
 */
import { z } from 'zod';
import type { Channel } from './channel.ts';
import { outsider, type Party } from './office.ts';
import type { Playing } from './snapshot.ts';
import type { Script } from './stage.ts';
import { Legs, untilTaken } from './taken.ts';

const text = z.string().min(1).max(256);

/** Commands as they come on `metaflow`, as far as they are obeyed. */
export const commandSchema = z.object({
  'Event-Name': z.literal('action'),
  'Call-ID': text,
  Action: z.enum(['hangup', 'hold', 'resume', 'park', 'transfer', 'intercept']),
  Data: z
    .object({ target: text, target_type: z.enum(['device', 'user']), target_id: text, unbridged_only: z.boolean() })
    .partial()
    .default({}),
});

export type PbxCommand = z.output<typeof commandSchema>;

/** Slots that no call of the PBX's own is parked in. */
const slots = ['711', '712', '713', '714', '715', '716', '717', '718', '719'];

/** Does what a command says, if the call is one of this account's. */
export function obey(one: Playing, { Action: action, 'Call-ID': callId, Data: data }: PbxCommand): void {
  const { stage, office, line, conferences } = one;
  const { random } = stage;
  const channel = [...line.channels].find((candidate) => candidate.callId === callId);
  if (channel === undefined) return;
  const isInConference = [...conferences.open].some(({ members }) =>
    members.some((member) => member.channel === channel),
  );

  /** From now on nobody else tells how it goes on. */
  function take(...taken: readonly (Channel | undefined)[]): Legs {
    const legs = new Legs();
    for (const leg of taken) {
      if (leg === undefined || !line.channels.has(leg)) continue;
      leg.takeovers += 1;
      legs.add(leg);
    }
    return legs;
  }

  function endCall(first: Channel): void {
    conferences.dismiss(first);
    if (first.slot !== undefined) line.abandon(first);
    line.hangUp(first, 'NORMAL_CLEARING');
  }

  function* hangUp(first: Channel, other: Channel | undefined): Script {
    endCall(first);
    if (other === undefined) return;
    yield random.between(20, 120);
    endCall(other);
  }

  /** Somebody else takes the other end of a call. */
  function* connect(kept: Channel, left: Channel | undefined, party: Party, legs: Legs): Script {
    const { phone } = party;
    if (phone !== undefined) office.engaged.add(phone.person.id);
    try {
      const rung = legs.add(line.ring(party, kept));
      if (left !== undefined) {
        yield random.between(20, 120);
        line.hangUp(left, 'NORMAL_CLEARING');
      }
      yield random.between(1500, 4000);
      line.answer(rung);
      yield random.between(20, 80);
      if (kept.answeredAt === undefined) line.answer(kept);
      if (kept.isHeld) line.unhold(kept);
      line.bridge(kept);
      yield random.between(8000, 20_000);
      line.hangUp(rung, 'NORMAL_CLEARING');
      yield random.between(20, 120);
      line.hangUp(kept, 'NORMAL_CLEARING');
    } finally {
      if (phone !== undefined) office.engaged.delete(phone.person.id);
    }
  }

  function* park(call: Channel, left: Channel | undefined, slot: string): Script {
    if (left !== undefined) line.hangUp(left, 'NORMAL_CLEARING');
    line.detach(call);
    yield random.between(150, 400);
    line.park(call, slot);
    yield random.between(20_000, 40_000);
    line.abandon(call);
    yield random.between(20, 80);
    line.hangUp(call, 'NORMAL_CLEARING');
  }

  /** Who has that extension; anybody else is outside. */
  function partyAt(number: string): Party {
    const person = office.people.find(({ extension }) => extension === number);
    const device = person?.devices[0];
    if (person === undefined || device === undefined) return { ...outsider(random), number };
    return { name: `${person.firstName} ${person.lastName}`, number: person.extension, phone: { person, device } };
  }

  function partyOf(id: string | undefined): Party | undefined {
    for (const person of office.people) {
      for (const device of person.devices) {
        if (id !== (data.target_type === 'user' ? person.id : device.id)) continue;
        return { name: `${person.firstName} ${person.lastName}`, number: person.extension, phone: { person, device } };
      }
    }
    return undefined;
  }

  const other = channel.otherLeg !== undefined && line.channels.has(channel.otherLeg) ? channel.otherLeg : undefined;
  const isBridged = other?.answeredAt !== undefined && channel.answeredAt !== undefined;

  switch (action) {
    case 'hangup':
      take(channel, other);
      stage.play(hangUp(channel, other));
      return;
    case 'hold':
      if (channel.answeredAt !== undefined && !channel.isHeld) line.hold(channel);
      return;
    case 'resume':
      if (channel.isHeld) line.unhold(channel);
      return;
    case 'park': {
      const slot = slots.find((free) => ![...line.channels].some((parked) => parked.slot === free));
      if (channel.answeredAt === undefined || channel.slot !== undefined || isInConference || slot === undefined)
        return;
      const legs = take(channel, other);
      stage.play(untilTaken(park(channel, other, slot), legs));
      return;
    }
    case 'transfer': {
      if (!isBridged || data.target === undefined) return;
      const legs = take(other);
      take(channel);
      stage.play(untilTaken(connect(other, channel, partyAt(data.target), legs), legs));
      return;
    }
    case 'intercept': {
      const party = partyOf(data.target_id);
      if (party === undefined || isInConference || channel.slot !== undefined) return;
      if (isBridged && data.unbridged_only === true) return;
      const legs = take(channel);
      take(other);
      stage.play(untilTaken(connect(channel, other, party, legs), legs));
    }
  }
}
