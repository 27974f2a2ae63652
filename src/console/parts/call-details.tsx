/** A call in the drawer: what may be done, what has happened, both legs, its events as they came. */

import { person } from '../describe.ts';
import type { Call, Leg } from '../library.ts';
import { accountName } from '../state/accounts.ts';
import { eventsOfLeg, type Happening, version } from '../state/happenings.ts';
import { openEvent, openedCall, openPerson } from '../state/opened.ts';
import { canCommand } from '../state/session.ts';
import { exactTime } from '../times.ts';
import { causeWords, conferenceVerb, words } from '../words.ts';
import { StateBadge, Ticking, Who } from './bits.tsx';
import { CallActions } from './call-actions.tsx';
import { Icon } from './icon.tsx';

interface Step {
  readonly at: number;
  readonly text: string;
  readonly who: string;
  readonly detail: string;
  readonly tone: string;
}

const tones: Readonly<Record<string, string>> = {
  CHANNEL_CREATE: 'ringing',
  CHANNEL_ANSWER: 'talking',
  CHANNEL_BRIDGE: 'talking',
  CHANNEL_HOLD: 'held',
  CHANNEL_UNHOLD: 'talking',
  CHANNEL_DESTROY: 'ended',
  PARK_PARKED: 'parked',
  PARK_RETRIEVED: 'talking',
  PARK_ABANDONED: 'ended',
};

function eventsOf(call: Call): readonly Happening[] {
  return call.legs.flatMap(({ id }) => eventsOfLeg(id)).sort((a, b) => a.at - b.at || a.key - b.key);
}

function stepOf({ legs }: Call, { at, name, family, callId, data }: Happening): Step {
  const leg = legs.find(({ id }) => id === callId);
  const who = person(leg?.name, leg?.number);
  if (family === 'conference') {
    const verb = conferenceVerb(String(data.event));
    return { at, text: `${verb} ${String(data.conference_id)}`, who, detail: '', tone: 'talking' };
  }
  const named = words.timeline[name]?.[leg?.direction ?? 'inbound'] ?? name;
  const cause = typeof data.hangup_cause === 'string' ? causeWords(data.hangup_cause) : '';
  const slot = typeof data.parking_slot === 'string' ? data.parking_slot : '';
  // Of an ordinary end the cause says what the step does.
  const isSaid = cause.toLowerCase() === named.toLowerCase();
  return { at, text: named, who, detail: isSaid ? '' : cause || slot, tone: tones[name] ?? '' };
}

/** Both legs tell that they are connected: that is one step. */
function stepsOf(call: Call): readonly Step[] {
  const found: Step[] = [];
  for (const happening of eventsOf(call)) {
    // Who talks, moment by moment, is what the room shows.
    if (/-talking$/.test(String(happening.data.event))) continue;
    const step = stepOf(call, happening);
    const before = found.at(-1);
    const isSame = before?.text === step.text && step.at - before.at < 1500 && happening.name === 'CHANNEL_BRIDGE';
    if (!isSame) found.push(happening.name === 'CHANNEL_BRIDGE' ? { ...step, who: '' } : step);
  }
  return found;
}

function Timeline({ call }: { readonly call: Call }) {
  void version.value;
  const steps = stepsOf(call);
  const isWhole = eventsOf(call)[0]?.name === 'CHANNEL_CREATE';
  return (
    <section aria-labelledby="timeline">
      <h3 id="timeline">{words.drawer.timeline}</h3>
      <ol class="timeline">
        {isWhole ? null : (
          <li data-tone="ringing">
            <time>{exactTime(call.since)}</time>
            <span>{words.drawer.created}</span>
            <small>{words.drawer.beforeUs}</small>
          </li>
        )}
        {steps.map(({ at, text, who, detail, tone }, index) => (
          <li key={`${at} ${text} ${index}`} data-tone={tone}>
            <time>{exactTime(at)}</time>
            <span>
              {text}
              {detail === '' ? '' : ` · ${detail}`}
            </span>
            {who === '' ? null : <small>{who}</small>}
          </li>
        ))}
      </ol>
    </section>
  );
}

function LegCard({ leg }: { readonly leg: Leg }) {
  const { id, direction, state, cause, userId, username, since, endedAt } = leg;
  return (
    <li class="leg" data-leg={id} data-state={state}>
      <div class="leg-head">
        <Icon name={direction} />
        <Who party={leg} fallback={words.drawer.leg[direction]} />
        <StateBadge state={state} />
      </div>
      <dl class="facts">
        <dt>{words.drawer.duration}</dt>
        <dd>
          <Ticking since={since} until={endedAt} />
        </dd>
        {username === undefined ? null : (
          <>
            <dt>{words.drawer.device}</dt>
            <dd class="code">{username}</dd>
          </>
        )}
        {userId === undefined ? null : (
          <>
            <dt>{words.drawer.user}</dt>
            <dd>
              <button type="button" class="link code" onClick={() => openPerson(userId)}>
                {userId}
              </button>
            </dd>
          </>
        )}
        {cause === undefined ? null : (
          <>
            <dt>{words.drawer.cause}</dt>
            <dd>{causeWords(cause)}</dd>
          </>
        )}
        <dt>{words.drawer.id}</dt>
        <dd class="code">{id}</dd>
      </dl>
    </li>
  );
}

function RawEvents({ call }: { readonly call: Call }) {
  void version.value;
  const events = eventsOf(call);
  return (
    <section aria-labelledby="raw">
      <h3 id="raw">{words.drawer.raw}</h3>
      {events.length === 0 ? <p class="hint">{words.drawer.noRaw}</p> : null}
      <ul class="raw">
        {events.map((happening) => (
          <li key={happening.key}>
            <button type="button" onClick={() => openEvent(happening)}>
              <time>{exactTime(happening.at)}</time>
              <span class="code">{happening.name}</span>
              <Icon name="arrow" />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function CallDetails() {
  const call = openedCall.value;
  if (call === undefined) return <p class="hint">{words.drawer.gone}</p>;
  const { from, to, state, slot, since, answeredAt, endedAt, account, cause, direction } = call;
  return (
    <section class="details" aria-label={person(from.name, from.number)}>
      <div class="call-head">
        <Who party={from} />
        <Icon name="arrow" />
        <Who party={to} fallback={words.calls.nobody} />
      </div>
      <p class="call-facts">
        <StateBadge state={state} slot={state === 'parked' ? slot : undefined} />
        <span>
          <Icon name={direction} /> {words.directions[direction]}
        </span>
        <Ticking since={answeredAt ?? since} until={endedAt} />
        <span title={account}>{accountName(account)}</span>
      </p>
      {state === 'ended' ? (
        <p class="hint">
          {words.drawer.over} {cause === undefined ? '' : causeWords(cause)}
        </p>
      ) : null}
      {canCommand.value && state !== 'ended' ? <CallActions key={call.id} call={call} /> : null}
      <Timeline call={call} />
      <section aria-labelledby="legs">
        <h3 id="legs">{words.drawer.legs}</h3>
        <ul class="legs">
          {call.legs.map((leg) => (
            <LegCard key={leg.id} leg={leg} />
          ))}
        </ul>
      </section>
      <RawEvents call={call} />
    </section>
  );
}
