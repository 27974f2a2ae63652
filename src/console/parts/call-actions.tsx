/** What may be done to a call. What comes of it the events say: nothing here pretends. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { person } from '../describe.ts';
import type { Call } from '../library.ts';
import { people } from '../state/people.ts';
import { horizon } from '../state/session.ts';
import { words } from '../words.ts';

type Asking = 'hangup' | 'transfer' | 'intercept' | undefined;

export function CallActions({ call }: { readonly call: Call }) {
  const [asking, setAsking] = useState<Asking>(undefined);
  const [result, setResult] = useState('');
  const [isBusy, setBusy] = useState(false);
  const box = useRef<HTMLElement>(null);
  const asked = useRef<Asking>(undefined);
  // The button that was pressed is gone: the keyboard goes on at what is asked, and back to where it was.
  useEffect(() => {
    const before = asked.current;
    asked.current = asking;
    if (asking === before) return;
    const wanted = asking === undefined ? `[data-ask="${before}"]:enabled` : 'input, select, [data-cancel]';
    const next = box.current?.querySelector<HTMLElement>(wanted) ?? box.current?.closest<HTMLElement>('.drawer');
    next?.focus({ preventScroll: true });
  }, [asking]);
  const leg = call.legs.find(({ state, isLoopback }) => state !== 'ended' && !isLoopback) ?? call.legs[0];

  async function send(action: string, data: Readonly<Record<string, unknown>> = {}): Promise<void> {
    if (leg === undefined) return;
    setAsking(undefined);
    setBusy(true);
    try {
      await horizon.peek()?.command(leg.id, action, { account_id: call.account, ...data });
      setResult(words.drawer.sent);
    } catch (error) {
      setResult(words.failed(error instanceof Error ? error.message : String(error)));
    }
    setBusy(false);
  }

  const transfer = (event: Event): void => {
    event.preventDefault();
    const target = new FormData(event.currentTarget as HTMLFormElement).get('target');
    if (typeof target === 'string' && target.trim() !== '')
      void send('transfer', { target: target.trim(), transfer_type: 'blind' });
  };

  const intercept = (event: Event): void => {
    event.preventDefault();
    const target = new FormData(event.currentTarget as HTMLFormElement).get('target');
    if (typeof target === 'string' && target !== '') void send('intercept', { target_type: 'user', target_id: target });
  };
  // Only users can be named: a telephone that is nobody's has no id that the platform would know.
  const users = people.value.filter(({ registrations }) => registrations.some(({ userId }) => userId !== undefined));

  return (
    <section class="actions" ref={box} aria-label={words.drawer.actions}>
      {asking === 'hangup' ? (
        <div class="sure">
          <p>{words.drawer.hangupSure}</p>
          <button type="button" class="button danger" onClick={() => void send('hangup')}>
            {words.drawer.hangupYes}
          </button>
          <button type="button" class="button" data-cancel onClick={() => setAsking(undefined)}>
            {words.drawer.hangupNo}
          </button>
        </div>
      ) : null}
      {asking === 'transfer' ? (
        <form class="sure" onSubmit={transfer} autocomplete="off">
          <label class="field">
            <span>{words.drawer.transferTo}</span>
            <input name="target" required maxLength={256} spellcheck={false} />
          </label>
          <button type="submit" class="button primary">
            {words.drawer.transferGo}
          </button>
          <button type="button" class="button" data-cancel onClick={() => setAsking(undefined)}>
            {words.cancel}
          </button>
        </form>
      ) : null}
      {asking === 'intercept' ? (
        <form class="sure" onSubmit={intercept}>
          <label class="field">
            <span>{words.drawer.interceptBy}</span>
            <select name="target" required>
              <option value="">{words.drawer.pickPerson}</option>
              {users.map(({ key, name, extension }) => (
                <option key={key} value={key}>
                  {person(name, extension)}
                </option>
              ))}
            </select>
          </label>
          <button type="submit" class="button primary">
            {words.drawer.interceptGo}
          </button>
          <button type="button" class="button" data-cancel onClick={() => setAsking(undefined)}>
            {words.cancel}
          </button>
        </form>
      ) : null}
      {asking === undefined ? (
        <div class="buttons">
          <button
            type="button"
            class="button danger"
            disabled={isBusy}
            data-ask="hangup"
            onClick={() => setAsking('hangup')}
          >
            {words.drawer.hangup}
          </button>
          {call.state === 'held' ? (
            <button type="button" class="button" disabled={isBusy} onClick={() => void send('resume')}>
              {words.drawer.resume}
            </button>
          ) : (
            <button
              type="button"
              class="button"
              disabled={isBusy || call.state !== 'talking'}
              onClick={() => void send('hold')}
            >
              {words.drawer.hold}
            </button>
          )}
          <button
            type="button"
            class="button"
            disabled={isBusy || call.state !== 'talking'}
            data-ask="transfer"
            onClick={() => setAsking('transfer')}
          >
            {words.drawer.transfer}
          </button>
          <button
            type="button"
            class="button"
            disabled={isBusy || call.state !== 'talking'}
            onClick={() => void send('park')}
          >
            {words.drawer.park}
          </button>
          {users.length === 0 ? null : (
            <button
              type="button"
              class="button"
              disabled={isBusy}
              data-ask="intercept"
              onClick={() => setAsking('intercept')}
            >
              {words.drawer.intercept}
            </button>
          )}
        </div>
      ) : null}
      <p class="result" role="status">
        {result}
      </p>
    </section>
  );
}
