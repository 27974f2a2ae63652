/** The frame: top bar, rail, the view that the address names, and the drawer. */
import { useSignalEffect } from '@preact/signals';
import type { ComponentType } from 'preact';
import { isWall, place, type ViewName } from './address.ts';
import { Drawer } from './parts/drawer.tsx';
import { KeyHelp } from './parts/key-help.tsx';
import { Notice } from './parts/notice.tsx';
import { Rail } from './parts/rail.tsx';
import { SignIn } from './parts/sign-in.tsx';
import { TopBar } from './parts/top-bar.tsx';
import { titled } from './state/alerts.ts';
import { announcement } from './state/choices.ts';
import { standing } from './state/freshness.ts';
import { phase } from './state/session.ts';
import { CallsView } from './views/calls.tsx';
import { ConferencesView } from './views/conferences.tsx';
import { DeveloperView } from './views/developer.tsx';
import { EventsView } from './views/events.tsx';
import { PeopleView } from './views/people.tsx';
import { SocketsView } from './views/sockets.tsx';
import { WallView } from './views/wall.tsx';
import { words } from './words.ts';

const views: Readonly<Record<ViewName, ComponentType>> = {
  calls: CallsView,
  people: PeopleView,
  conferences: ConferencesView,
  events: EventsView,
  sockets: SocketsView,
  developer: DeveloperView,
};

/** What changes by itself is said once, politely; seconds that tick away are not. */
function Announcer() {
  const { freshness, text } = standing.value;
  const said = { live: words.fresh.announced.live, 'catching-up': words.fresh.announced.catchingUp };
  return (
    <div class="visually-hidden">
      <p role="status">{said[freshness as keyof typeof said] ?? text.replace(/,[^,]*\d+ s$/, '')}</p>
      <p role="status">{announcement.value}</p>
    </div>
  );
}

export function App() {
  useSignalEffect(() => {
    const { view } = place.value;
    document.title = titled(`${words.titles[view]} · ${words.product}`);
  });
  if (phase.value === 'starting') return null;
  if (phase.value === 'asking') return <SignIn />;
  if (isWall) return <WallView />;
  const { view } = place.value;
  const View = views[view];
  return (
    <div class="app" data-freshness-of-page={standing.value.freshness}>
      <a class="skip" href="#view">
        {words.skip}
      </a>
      <TopBar />
      <Rail />
      <main id="view" data-view={view} tabIndex={-1} aria-label={words.titles[view]}>
        <Notice />
        <View />
      </main>
      <Drawer />
      <KeyHelp />
      <Announcer />
    </div>
  );
}
