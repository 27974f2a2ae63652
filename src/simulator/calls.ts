/**
 * Calls: who calls whom, and how it goes. One script tells one call from its first channel to the end of its last; two
 * to five of them run at the same time.
 */
import { gregorianSeconds } from '../gregorian.ts';
import type { Channel } from './channel.ts';
import type { Archive } from './documents.ts';
import { answerFields, notify } from './notifications.ts';
import { atPhone, freePeople, type Office, outsider, type Party, type Person, reachablePeople } from './office.ts';
import { publishers, type Script, type Stage } from './stage.ts';
import type { HangupCause, Switch } from './switch.ts';
import { Legs, untilTaken } from './taken.ts';
import type { Voicemail } from './voicemail.ts';

const fewestCalls = 2;
const mostCalls = 5;

/** How often a call goes in which way, of 100. */
const outcomes = [
  ['answered', 50],
  ['parked', 12],
  ['unanswered', 14],
  ['busy', 10],
  ['cancelled', 14],
] as const;

type Outcome = (typeof outcomes)[number][0];

/** A call before it begins. */
interface Plan {
  readonly caller: Party;
  readonly callee: Party;
  readonly dialled: string;
  readonly outcome: Outcome;
}

/** What calls leave behind. */
export interface Aftermath {
  readonly archive: Archive;
  readonly voicemail: Voicemail;
}

/** Plays calls for as long as the stage lasts. */
export function playCalls(stage: Stage, office: Office, line: Switch, { archive, voicemail }: Aftermath): void {
  const { account, random } = stage;
  const occupiedSlots = new Set<string>();
  let running = 0;

  function* arrivals(): Script {
    yield random.between(200, 500);
    stage.play(call());
    for (;;) {
      yield random.between(600, 1500);
      if (running < fewestCalls) stage.play(call());
      yield random.between(2500, 5500);
      if (running < mostCalls) stage.play(call());
    }
  }

  function* call(): Script {
    running += 1;
    const plan = planCall();
    const people = [plan.caller, plan.callee].flatMap(({ phone }) => (phone === undefined ? [] : [phone.person.id]));
    for (const id of people) office.engaged.add(id);
    const legs = new Legs();
    yield* untilTaken(conversation(plan, legs), legs);
    for (const id of people) office.engaged.delete(id);
    running -= 1;
    if (running < fewestCalls) stage.play(call());
  }

  function planCall(): Plan {
    const free = freePeople(office);
    if (free.length === 0) {
      // Everybody is on the phone: this is what happens to whoever calls now.
      return incoming(atPhone(random, office, random.pick(reachablePeople(office))), 'busy');
    }
    const one = random.pick(free);
    const others = free.filter((person) => person !== one);
    const outcome = drawOutcome();
    if (random.chance(0.45)) return incoming(atPhone(random, office, one), outcome);
    if (others.length === 0 || random.chance(0.45)) return outgoing(atPhone(random, office, one), outcome);
    const callee = atPhone(random, office, random.pick(others));
    return { caller: atPhone(random, office, one), callee, dialled: callee.number, outcome };
  }

  const incoming = (callee: Party, outcome: Outcome): Plan => ({
    caller: outsider(random),
    callee,
    dialled: office.mainNumber,
    outcome,
  });

  function outgoing(caller: Party, outcome: Outcome): Plan {
    const callee = outsider(random);
    // Nobody outside can park a call in this office.
    return { caller, callee, dialled: callee.number, outcome: outcome === 'parked' ? 'answered' : outcome };
  }

  function drawOutcome(): Outcome {
    let rest = random.between(1, 100);
    for (const [outcome, share] of outcomes) {
      rest -= share;
      if (rest <= 0) return outcome;
    }
    return 'answered';
  }

  function* conversation(plan: Plan, legs: Legs): Script {
    const a = legs.add(line.receive(plan.caller, plan.dialled));
    yield random.between(150, 500);
    const b = legs.add(line.ring(plan.callee, a));
    switch (plan.outcome) {
      case 'answered':
        return yield* answered(a, b);
      case 'parked':
        return yield* parked(a, b, legs);
      case 'unanswered':
        return yield* unanswered(a, b);
      case 'busy':
        yield random.between(400, 1500);
        return yield* hangUp([b, a], 'USER_BUSY');
      case 'cancelled':
        yield random.between(3000, 9000);
        yield* hangUp([a, b], 'ORIGINATOR_CANCEL');
        return missed(a, b);
    }
  }

  function* answered(a: Channel, b: Channel): Script {
    yield* pickUp(a, b);
    yield random.between(4000, 16_000);
    if (random.chance(0.35)) yield* onHold(random.pick([a, b].filter(({ party }) => party.phone !== undefined)));
    const isRecorded = random.chance(0.2);
    yield* hangUp(random.chance(0.5) ? [a, b] : [b, a], 'NORMAL_CLEARING');
    if (isRecorded) archive.create('call_recording');
  }

  /** Nobody took the call, nor did voicemail: whoever was called is told. */
  function missed(a: Channel, { party: { phone, number } }: Channel): void {
    if (phone === undefined) return;
    notify(stage, publishers.callflow, 'sip.missed_call', 'missed_call', {
      'Call-ID': a.callId,
      'Call-Bridged': false,
      'Message-Left': false,
      'Caller-ID-Name': a.caller.name,
      'Caller-ID-Number': a.caller.number,
      'From-User': a.caller.number,
      'From-Realm': account.realm,
      'To-User': number,
      'To-Realm': account.realm,
      To: [`${phone.person.username}@${account.realm}`],
      Notify: { type: 'email' },
      Timestamp: gregorianSeconds(stage.now()),
      ...answerFields(a.callId),
    });
  }

  function* pickUp(a: Channel, b: Channel): Script {
    yield random.between(2000, 7000);
    line.answer(b);
    yield random.between(20, 80);
    line.answer(a);
    yield random.between(20, 80);
    line.bridge(a);
  }

  function* onHold(channel: Channel): Script {
    if (!channel.isHeld) line.hold(channel);
    yield random.between(3000, 8000);
    if (channel.isHeld) line.unhold(channel);
    yield random.between(2000, 8000);
  }

  function* unanswered(a: Channel, b: Channel): Script {
    yield random.between(9000, 15_000);
    const person = b.party.phone?.person;
    if (person === undefined || random.chance(0.4)) {
      yield* hangUp([b, a], 'NO_ANSWER');
      return missed(a, b);
    }
    yield* hangUp([b], 'NO_ANSWER');
    line.detach(a);
    yield random.between(200, 500);
    line.answer(a);
    const beganAt = stage.now();
    yield random.between(4000, 12_000);
    yield* hangUp([a], 'NORMAL_CLEARING');
    voicemail.leave({ person, from: a.caller, callId: a.callId, lengthMs: stage.now() - beganAt });
  }

  function* parked(a: Channel, b: Channel, legs: Legs): Script {
    yield* pickUp(a, b);
    yield random.between(3000, 8000);
    yield* hangUp([b], 'NORMAL_CLEARING');
    line.detach(a);
    const slot = freeSlot();
    occupiedSlots.add(slot);
    try {
      yield random.between(150, 400);
      line.park(a, slot);
      yield random.between(4000, 11_000);
      const colleagues = freePeople(office);
      if (colleagues.length === 0 || random.chance(0.3)) yield* abandoned(a);
      else yield* retrieved(a, slot, random.pick(colleagues), legs);
    } finally {
      occupiedSlots.delete(slot);
    }
  }

  /** There are more slots than calls. */
  function freeSlot(): string {
    return random.pick(['701', '702', '703', '704', '705', '706'].filter((slot) => !occupiedSlots.has(slot)));
  }

  function* abandoned(a: Channel): Script {
    line.abandon(a);
    yield random.between(20, 80);
    yield* hangUp([a], 'NORMAL_CLEARING');
  }

  function* retrieved(a: Channel, slot: string, colleague: Person, legs: Legs): Script {
    office.engaged.add(colleague.id);
    try {
      // `*3` and the number of the slot is how Kazoo's parking is dialled.
      const c = legs.add(line.receive(atPhone(random, office, colleague), `*3${slot}`, a.server));
      yield random.between(150, 400);
      line.answer(c);
      yield random.between(50, 150);
      line.retrieve(a, c);
      occupiedSlots.delete(slot);
      yield random.between(20, 80);
      line.bridge(c);
      yield random.between(4000, 12_000);
      yield* hangUp(random.chance(0.5) ? [a, c] : [c, a], 'NORMAL_CLEARING');
    } finally {
      office.engaged.delete(colleague.id);
    }
  }

  /** The last channel's end is the script's end: a pause behind it would count a call that is over. */
  function* hangUp([first, ...more]: readonly [Channel, ...Channel[]], cause: HangupCause): Script {
    line.hangUp(first, cause);
    for (const channel of more) {
      yield random.between(20, 120);
      line.hangUp(channel, cause);
    }
  }

  stage.play(arrivals());
}
