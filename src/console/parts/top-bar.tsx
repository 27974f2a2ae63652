/** The top bar: whose calls, the search, the bell, how fresh all of it is. */

import { param, place, setParams } from '../address.ts';
import logo from '../favicon.svg';
import { account, accountName, below, descendants, withBelow } from '../state/accounts.ts';
import { areKeysShown, type Theme, theme } from '../state/choices.ts';
import { standing } from '../state/freshness.ts';
import { isNarrow } from '../state/screen.ts';
import { isDemo, logOut, ownAccount, tokenFacts } from '../state/session.ts';
import { dayAndTime } from '../times.ts';
import { words } from '../words.ts';
import { Bell } from './bell.tsx';
import { Icon } from './icon.tsx';

function FreshnessChip() {
  const { freshness, text, detail } = standing.value;
  return (
    <p class="fresh" data-freshness={freshness} title={detail === '' ? words.fresh.round : detail}>
      <span class="fresh-dot" aria-hidden="true" />
      <span class="fresh-text">{text}</span>
    </p>
  );
}

/** What the own account is called, as soon as an event has said it. */
function ownName(own: string | undefined): string {
  const name = own === undefined ? '' : accountName(own);
  return name === '' || own?.startsWith(name.replace('…', '')) === true ? words.account.own : name;
}

/** How deep each is below the own one, for who can't see a tree in a list. */
function depths(): ReadonlyMap<string, number> {
  const found = new Map([[ownAccount.value ?? '', 0]]);
  for (const { id, parent_id } of descendants.value ?? []) found.set(id, (found.get(parent_id) ?? 0) + 1);
  return found;
}

function AccountPicker() {
  const all = descendants.value ?? [];
  const own = ownAccount.value;
  const depthOf = depths();
  const pick = (id: string): void => setParams({ account: id === own ? '' : id, call: '', person: '' }, true);
  return (
    <div class="picker">
      <label class="visually-hidden" for="account">
        {words.account.label}
      </label>
      <select id="account" value={account.value ?? ''} onChange={(event) => pick(event.currentTarget.value)}>
        <option value={own ?? ''}>{ownName(own)}</option>
        {all.map(({ id, name }) => (
          <option key={id} value={id}>
            {`${'   '.repeat(depthOf.get(id) ?? 1)}${name ?? id}`}
          </option>
        ))}
        {all.some(({ id }) => id === account.value) || account.value === own || account.value === undefined ? null : (
          <option value={account.value}>{accountName(account.value)}</option>
        )}
      </select>
      {below.value.length === 0 ? null : (
        <label class="switch" title={words.account.belowDetail(below.value.length)}>
          <input
            type="checkbox"
            checked={withBelow.value}
            onChange={(event) => setParams({ below: event.currentTarget.checked ? 'yes' : '' }, true)}
          />
          <span>{words.account.below}</span>
        </label>
      )}
    </div>
  );
}

const searchable: readonly string[] = ['calls', 'people', 'conferences', 'events'];

function Search() {
  const isUseful = searchable.includes(place.value.view);
  return (
    <search class="search" data-useful={isUseful}>
      <label class="visually-hidden" for="search">
        {words.search}
      </label>
      <Icon name="search" />
      <input
        id="search"
        type="search"
        placeholder={isNarrow.value ? words.searchShort : words.search}
        autocomplete="off"
        spellcheck={false}
        disabled={!isUseful}
        value={param('q')}
        onInput={(event) => setParams({ q: event.currentTarget.value })}
      />
      <span class="key" aria-hidden="true">
        /
      </span>
    </search>
  );
}

function Settings() {
  const { expiresAt } = tokenFacts.value;
  const until = expiresAt === undefined ? words.token.forever : words.token.until(dayAndTime(expiresAt));
  return (
    <details class="popover">
      <summary class="icon-button" aria-label={words.menu} title={words.menu}>
        <Icon name="settings" />
      </summary>
      <div class="popover-body">
        <label class="field">
          <span>{words.theme.label}</span>
          <select
            value={theme.value}
            onChange={(event) => {
              theme.value = event.currentTarget.value as Theme;
            }}
          >
            <option value="auto">{words.theme.auto}</option>
            <option value="light">{words.theme.light}</option>
            <option value="dark">{words.theme.dark}</option>
          </select>
        </label>
        <button
          type="button"
          class="button"
          onClick={() => {
            areKeysShown.value = true;
          }}
        >
          {words.keys.open}
        </button>
        <p class="hint">{isDemo.value ? words.token.demo : until}</p>
        {isDemo.value ? null : (
          <button type="button" class="button" onClick={() => logOut()}>
            {words.token.logOut}
          </button>
        )}
      </div>
    </details>
  );
}

export function TopBar() {
  return (
    <header class="top">
      <div class="brand">
        <img src={logo} alt="" width="28" height="28" />
        <h1>{words.product}</h1>
        {isDemo.value ? (
          <span class="demo" title={words.demoDetail}>
            {words.demo}
            <span class="visually-hidden">{`: ${words.demoDetail}`}</span>
          </span>
        ) : null}
      </div>
      <AccountPicker />
      <Search />
      <div class="top-end">
        <FreshnessChip />
        <Bell />
        <Settings />
      </div>
    </header>
  );
}
