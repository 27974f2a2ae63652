/** One event, whole: as JSON, which is text and nothing else. */
import { useState } from 'preact/hooks';
import { accountName } from '../state/accounts.ts';
import type { Happening } from '../state/happenings.ts';
import { openCall } from '../state/opened.ts';
import { exactTime } from '../times.ts';
import { words } from '../words.ts';
import { CodeBlock } from './bits.tsx';

/** Puts a text on the clipboard, and says so. */
export function CopyButton({ text, label = words.copy }: { readonly text: string; readonly label?: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <button type="button" class="button small" onClick={() => void copy().catch(() => setCopied(false))}>
      {isCopied ? words.copied : label}
    </button>
  );
}

export function EventDetails({ happening }: { readonly happening: Happening }) {
  const { name, family, at, account, what, state, data, callId, replayed } = happening;
  const json = JSON.stringify(data, null, 2);
  return (
    <section class="details" aria-label={name}>
      <p class="details-title code">{name}</p>
      <p>
        {what}
        {state === '' ? '' : ` · ${state}`}
      </p>
      <dl class="facts">
        <dt>{words.events.time}</dt>
        <dd>{exactTime(at)}</dd>
        <dt>{words.events.families}</dt>
        <dd>{family}</dd>
        <dt>{words.account.label}</dt>
        <dd title={account}>{accountName(account)}</dd>
      </dl>
      {replayed ? <p class="hint">{words.events.replayed}</p> : null}
      <div class="buttons">
        {callId === '' ? null : (
          <button type="button" class="button small" onClick={() => openCall(callId)}>
            {words.drawer.call}
          </button>
        )}
        <CopyButton text={json} />
      </div>
      <CodeBlock text={json} label={words.drawer.json} />
    </section>
  );
}
