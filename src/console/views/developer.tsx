/** For who writes a program: what is on offer, what its frames look like, and the lines that get them. */
import { useComputed, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { CodeBlock } from '../parts/bits.tsx';
import { CopyButton } from '../parts/event-details.tsx';
import { account } from '../state/accounts.ts';
import { clearFrames, ending, frames, isListening, startListening, stopListening } from '../state/frame-line.ts';
import { ask } from '../state/rest.ts';
import { browserScript, curlLine, listenLine, subscribeData, type Wanted } from '../state/snippets.ts';
import { exactTime } from '../times.ts';
import { words } from '../words.ts';

type Offers = Readonly<Record<string, readonly (string | { readonly binding: string })[]>>;

/** What stands in braces is any. */
function bindingOf(offer: string | { readonly binding: string }): string {
  return (typeof offer === 'string' ? offer : offer.binding).replaceAll(/\{[^}]*\}/g, '*');
}

/** @returns undefined where it is no JSON object */
function filterOf(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function Snippet({ title, text }: { readonly title: string; readonly text: string }) {
  return (
    <div class="snippet">
      <div class="snippet-head">
        <h4>{title}</h4>
        <CopyButton text={text} label={`${words.copy} ${title}`} />
      </div>
      <CodeBlock text={text} label={title} />
    </div>
  );
}

export function DeveloperView() {
  const offers = useSignal<Offers>({});
  const dialect = useSignal('kazoo4');
  const binding = useSignal('call.*.*');
  const filter = useSignal('');
  const below = useSignal(false);
  const once = useSignal(false);
  const trouble = useSignal('');
  const chosen = dialect.value;
  useEffect(() => {
    void ask<Offers>(`/v2/websockets?dialect=${chosen}`)
      .then(({ data }) => {
        offers.value = data;
      })
      .catch((error: unknown) => {
        trouble.value = error instanceof Error ? error.message : String(error);
      });
  }, [chosen, offers, trouble]);
  useEffect(() => stopListening, []);

  const wanted = useComputed<Wanted>(() => ({
    origin: location.origin,
    dialect: dialect.value,
    binding: binding.value,
    account: account.value ?? '',
    filter: filter.value.trim() === '' ? undefined : filterOf(filter.value),
    below: below.value,
    once: once.value,
    token: words.developer.hidden,
  }));

  const listen = (event: Event): void => {
    event.preventDefault();
    if (filter.value.trim() !== '' && filterOf(filter.value) === undefined) {
      trouble.value = words.developer.badFilter;
      return;
    }
    trouble.value = '';
    startListening(dialect.value, subscribeData(wanted.value));
  };

  return (
    <div class="view developer">
      <header class="view-head">
        <div class="view-title">
          <h2>{words.titles.developer}</h2>
          <span class="view-count">{words.developer.intro}</span>
        </div>
      </header>
      <div class="developer-body">
        <form class="panel explorer" onSubmit={listen} autocomplete="off">
          <label class="field">
            <span>{words.developer.offers}</span>
            <select
              value=""
              onChange={(event) => {
                if (event.currentTarget.value !== '') binding.value = event.currentTarget.value;
              }}
            >
              <option value="">{words.developer.pick}</option>
              {Object.entries(offers.value).map(([family, list]) => (
                <optgroup key={family} label={family}>
                  {[...new Set(list.map(bindingOf))].map((one) => (
                    <option key={one} value={one}>
                      {one}
                    </option>
                  ))}
                </optgroup>
              ))}
            </select>
          </label>
          <label class="field">
            <span>{words.developer.binding}</span>
            <input
              class="code"
              required
              spellcheck={false}
              value={binding.value}
              onInput={(event) => {
                binding.value = event.currentTarget.value;
              }}
            />
          </label>
          <fieldset class="segmented wide">
            <legend>{words.developer.dialect}</legend>
            {['classic', 'kazoo4'].map((name) => (
              <button
                key={name}
                type="button"
                aria-pressed={chosen === name}
                onClick={() => {
                  dialect.value = name;
                }}
              >
                {name}
              </button>
            ))}
          </fieldset>
          <label class="field">
            <span>{words.developer.filter}</span>
            <textarea
              class="code"
              rows={2}
              spellcheck={false}
              value={filter.value}
              placeholder='{"Call-Direction": "inbound"}'
              aria-describedby="filter-hint"
              onInput={(event) => {
                filter.value = event.currentTarget.value;
              }}
            />
          </label>
          <p class="hint" id="filter-hint">
            {words.developer.filterHint}
          </p>
          <label class="switch">
            <input
              type="checkbox"
              checked={below.value}
              onChange={(event) => {
                below.value = event.currentTarget.checked;
              }}
            />
            <span>{words.developer.below}</span>
          </label>
          <label class="switch">
            <input
              type="checkbox"
              checked={once.value}
              onChange={(event) => {
                once.value = event.currentTarget.checked;
              }}
            />
            <span>{words.developer.once}</span>
          </label>
          <div class="buttons">
            <button type="submit" class="button primary">
              {words.developer.listen}
            </button>
            {isListening.value ? (
              <button type="button" class="button" onClick={stopListening}>
                {words.developer.stop}
              </button>
            ) : null}
          </div>
          <p class="trouble" role="status">
            {trouble.value || ending.value}
          </p>
        </form>
        <section class="panel frames" aria-labelledby="frames-title">
          <header class="panel-head">
            <h3 id="frames-title">{words.developer.frames}</h3>
            <button type="button" class="button small" onClick={clearFrames}>
              {words.developer.clear}
            </button>
          </header>
          {frames.value.length === 0 ? <p class="hint">{words.developer.noFrames}</p> : null}
          <ol>
            {frames.value.toReversed().map(({ key, isSent, at, text }) => (
              <li key={key} data-sent={isSent}>
                <span class="frame-facts">
                  <span>{isSent ? `→ ${words.developer.sent}` : `← ${words.developer.received}`}</span>
                  <time>{exactTime(at)}</time>
                </span>
                <code>{text}</code>
              </li>
            ))}
          </ol>
        </section>
        <section class="panel take" aria-labelledby="take-title">
          <h3 id="take-title">{words.developer.take}</h3>
          <Snippet title={words.developer.curl} text={curlLine(wanted.value)} />
          <Snippet title={words.developer.script} text={browserScript(wanted.value)} />
          <Snippet title={words.developer.line} text={listenLine(wanted.value)} />
        </section>
      </div>
    </div>
  );
}
