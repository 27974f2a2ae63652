/** The conferences that are held now: rooms, who is in them, who talks. */

import type { Conference, Member } from '../library.ts';
import { Empty, Ticking, Who } from '../parts/bits.tsx';
import { Icon } from '../parts/icon.tsx';
import { memo } from '../parts/memo.ts';
import { matches, query } from '../state/call-list.ts';
import { openCall } from '../state/opened.ts';
import { conferences, refusals, wasRight } from '../state/picture.ts';
import { words } from '../words.ts';

const MemberRow = memo<{ readonly member: Member }>(({ member }) => {
  const { callId, isTalking, isMuted, isDeaf, isModerator, since } = member;
  return (
    <li>
      <button
        type="button"
        class="member"
        data-row
        data-member={callId}
        data-talking={isTalking}
        data-muted={isMuted}
        onClick={() => openCall(callId)}
      >
        <Who party={member} />
        <span class="member-flags">
          {isModerator ? <Flag icon="star" text={words.rooms.moderator} /> : null}
          {isTalking ? <Flag icon="talking" text={words.rooms.talking} /> : null}
          {isMuted ? <Flag icon="muted" text={words.rooms.muted} /> : null}
          {isDeaf ? <Flag icon="deaf" text={words.rooms.deaf} /> : null}
        </span>
        <Ticking since={since} />
      </button>
    </li>
  );
});

function Flag({ icon, text }: { readonly icon: 'star' | 'talking' | 'muted' | 'deaf'; readonly text: string }) {
  return (
    <span class="flag" data-tone={icon} title={text}>
      <Icon name={icon} />
      <span class="visually-hidden">{text}</span>
    </span>
  );
}

const Room = memo<{ readonly room: Conference }>(({ room }) => {
  const { id, key, isLocked, members, since } = room;
  return (
    <section class="panel room" data-conference={id} data-locked={isLocked} aria-label={`${words.rooms.room} ${id}`}>
      <header>
        <h3>
          {words.rooms.room} {id}
        </h3>
        {isLocked ? (
          <span class="badge" data-tone="held">
            <Icon name="lock" />
            <span>{words.rooms.locked}</span>
          </span>
        ) : null}
        <span class="room-count">{words.rooms.members(members.length)}</span>
        {since === undefined ? null : <Ticking since={since} />}
      </header>
      <ul data-room={key}>
        {members.map((member) => (
          <MemberRow key={member.callId} member={member} />
        ))}
      </ul>
    </section>
  );
});

function textOf({ id, members }: Conference): string {
  return `${id} ${members.map(({ name, number, callId }) => `${name} ${number} ${callId}`).join(' ')}`.toLowerCase();
}

function Nothing() {
  const refused = refusals.value.find(({ part }) => part === 'conferences');
  if (refused !== undefined) {
    const { error } = refused;
    return <Empty title={words.rooms.refused} detail={error instanceof Error ? error.message : String(error)} />;
  }
  if (conferences.value.length > 0) return <Empty title={words.rooms.noneMatch} />;
  if (!wasRight.value) return <Empty title={words.rooms.loading} busy />;
  return <Empty title={words.rooms.empty} detail={words.rooms.emptyDetail} />;
}

export function ConferencesView() {
  const shown = conferences.value.filter((room) => matches(textOf(room), query.value));
  return (
    <div class="view">
      <header class="view-head">
        <div class="view-title">
          <h2>{words.titles.conferences}</h2>
          <span class="view-count">
            {words.rooms.members(conferences.value.reduce((sum, { members }) => sum + members.length, 0))}
          </span>
        </div>
      </header>
      {shown.length === 0 ? (
        <Nothing />
      ) : (
        <div class="rooms">
          {shown.map((room) => (
            <Room key={room.key} room={room} />
          ))}
        </div>
      )}
    </div>
  );
}
