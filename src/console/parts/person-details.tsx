/** A person in the drawer: their telephones, their calls, their mailbox. */
import { openCall, openedPerson } from '../state/opened.ts';
import { clockTime } from '../times.ts';
import { words } from '../words.ts';
import { StateBadge, Ticking, Who } from './bits.tsx';

export function PersonDetails() {
  const person = openedPerson.value;
  if (person === undefined) return <p class="hint">{words.people.noneMatch}</p>;
  const { name, extension, registrations, calls, newMessages } = person;
  return (
    <section class="details" aria-label={name ?? extension}>
      <p class="details-title">{name ?? extension}</p>
      <dl class="facts">
        <dt>{words.people.extension}</dt>
        <dd>{extension}</dd>
        {newMessages === undefined ? null : (
          <>
            <dt>{words.people.lamp}</dt>
            <dd>{newMessages === 0 ? words.people.noVoicemail : words.people.voicemail(newMessages)}</dd>
          </>
        )}
      </dl>
      {calls.length === 0 ? null : (
        <>
          <h3>{words.people.calls}</h3>
          <ul class="raw">
            {calls.map((call) => (
              <li key={call.id}>
                <button type="button" onClick={() => openCall(call.id)}>
                  <Who party={call.from} />
                  <Who party={call.to} fallback={words.calls.nobody} />
                  <StateBadge state={call.state} />
                  <Ticking since={call.answeredAt ?? call.since} until={call.endedAt} />
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
      <h3>{words.people.devices}</h3>
      {registrations.length === 0 ? <p class="hint">{words.people.offline}</p> : null}
      <ul class="legs">
        {registrations.map(({ key, username, contact, userAgent, address, expiresAt }) => (
          <li key={key} class="leg">
            <dl class="facts">
              <dt>{words.drawer.device}</dt>
              <dd class="code">{username}</dd>
              <dt>{words.people.contact}</dt>
              <dd class="code">{contact ?? words.none}</dd>
              <dt>{words.people.agent}</dt>
              <dd>{userAgent ?? words.none}</dd>
              <dt>{words.people.address}</dt>
              <dd class="code">{address ?? words.none}</dd>
              <dt>{words.people.expires}</dt>
              <dd>{expiresAt === undefined ? words.none : clockTime(expiresAt)}</dd>
            </dl>
          </li>
        ))}
      </ul>
    </section>
  );
}
