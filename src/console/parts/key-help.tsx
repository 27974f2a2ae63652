/** The list of keys. */
import { useEffect, useRef } from 'preact/hooks';
import { areKeysShown } from '../state/choices.ts';
import { words } from '../words.ts';

export function KeyHelp() {
  const box = useRef<HTMLDialogElement>(null);
  const isShown = areKeysShown.value;
  useEffect(() => {
    if (isShown) box.current?.showModal();
    else box.current?.close();
  }, [isShown]);
  return (
    <dialog
      class="keys"
      ref={box}
      aria-labelledby="keys-title"
      onClose={() => {
        areKeysShown.value = false;
      }}
    >
      <h2 id="keys-title">{words.keys.title}</h2>
      <dl>
        {words.keys.list.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <button
        type="button"
        class="button"
        onClick={() => {
          areKeysShown.value = false;
        }}
      >
        {words.close}
      </button>
    </dialog>
  );
}
