/** Asks for a token, and says why the one before doesn't do. */
import { useEffect, useRef } from 'preact/hooks';
import logo from '../favicon.svg';
import { logIn, tokenTrouble, wasTaken } from '../state/session.ts';
import { words } from '../words.ts';

export function SignIn() {
  const field = useRef<HTMLInputElement>(null);
  const trouble = tokenTrouble.value;
  useEffect(() => field.current?.focus(), []);
  const submit = (event: Event): void => {
    event.preventDefault();
    const given = field.current?.value.trim() ?? '';
    if (given !== '') logIn(given);
  };
  return (
    <main class="sign-in" data-view="sign-in">
      <form class="sign-in-card" onSubmit={submit} autocomplete="off">
        <img src={logo} alt="" width="44" height="44" />
        <h1>{words.product}</h1>
        <p role="alert" class="trouble">
          {trouble === '' ? '' : `${wasTaken.value ? words.token.wasOut : words.token.noGood}: ${trouble}.`}
        </p>
        <label class="field">
          <span>{trouble === '' ? words.token.label : words.token.again}</span>
          <input
            ref={field}
            id="token"
            type="password"
            autocomplete="off"
            spellcheck={false}
            required
            aria-label={words.token.label}
            aria-describedby="token-hint"
          />
        </label>
        <p class="hint" id="token-hint">
          {words.token.hint} {words.token.make} <code>npm run token -- --account ID</code>
        </p>
        <button type="submit" class="button primary">
          {words.token.submit}
        </button>
      </form>
    </main>
  );
}
