/** The way to each view: on the left, and at the bottom of a telephone. */
import { place, viewAddress, viewNames } from '../address.ts';
import { living } from '../state/call-list.ts';
import { conferences } from '../state/picture.ts';
import { count } from '../times.ts';
import { words } from '../words.ts';
import { Icon } from './icon.tsx';

function Badge({ number }: { readonly number: number }) {
  return number === 0 ? null : <span class="rail-badge">{count(number)}</span>;
}

export function Rail() {
  const current = place.value.view;
  return (
    <nav class="rail" aria-label={words.nav}>
      {viewNames.map((view) => (
        <a key={view} href={viewAddress(view)} aria-current={view === current ? 'page' : undefined}>
          <Icon name={view} />
          <span>{words.views[view]}</span>
          {view === 'calls' ? <Badge number={living.value.length} /> : null}
          {view === 'conferences' ? <Badge number={conferences.value.length} /> : null}
        </a>
      ))}
    </nav>
  );
}
