/** What the operator wants to be told of, and what there is to tell. */
import { setParams } from '../address.ts';
import { alerts, allowDesktop, type Wish, wish, wishes } from '../state/alerts.ts';
import { announcement } from '../state/choices.ts';
import { words } from '../words.ts';
import { Icon } from './icon.tsx';

function WishRow({ name }: { readonly name: 'ringing' | 'held' }) {
  const { isOn, seconds } = wishes.value[name];
  const change = (changes: Partial<Wish>): void => wish({ [name]: { isOn, seconds, ...changes } });
  return (
    <div class="wish">
      <label class="switch">
        <input type="checkbox" checked={isOn} onChange={(event) => change({ isOn: event.currentTarget.checked })} />
        <span>{words.bell[name]}</span>
      </label>
      <input
        type="number"
        min={1}
        max={3600}
        value={seconds}
        aria-label={`${words.bell[name]}: ${words.bell.unit}`}
        onChange={(event) => change({ seconds: Math.min(3600, Math.max(1, event.currentTarget.valueAsNumber || 20)) })}
      />
      <span>{words.bell.unit}</span>
    </div>
  );
}

async function turnDesktop(field: HTMLInputElement): Promise<void> {
  const desktop = field.checked && (await allowDesktop());
  if (field.checked && !desktop) announcement.value = words.bell.denied;
  field.checked = desktop;
  wish({ desktop });
}

export function Bell() {
  const due = alerts.value;
  const label = due.length === 0 ? words.bell.label : `${words.bell.label}: ${words.bell.now(due.length)}`;
  return (
    <details class="popover">
      <summary class="icon-button" aria-label={label} title={label}>
        <Icon name="bell" />
        {due.length === 0 ? null : <span class="bell-badge">{due.length}</span>}
      </summary>
      <div class="popover-body bell">
        {due.length === 0 ? (
          <p class="hint">{words.bell.none}</p>
        ) : (
          <ul>
            {due.slice(0, 10).map(({ call, text }) => (
              <li key={call.id}>
                <button type="button" class="link" onClick={() => setParams({ call: call.id }, true)}>
                  {text}
                </button>
              </li>
            ))}
          </ul>
        )}
        <fieldset>
          <legend>{words.bell.title}</legend>
          <WishRow name="ringing" />
          <WishRow name="held" />
          <label class="switch">
            <input
              type="checkbox"
              checked={wishes.value.desktop}
              onChange={(event) => void turnDesktop(event.currentTarget)}
            />
            <span>{words.bell.desktop}</span>
          </label>
        </fieldset>
      </div>
    </details>
  );
}
