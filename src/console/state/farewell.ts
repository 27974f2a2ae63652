/** Who signs out leaves nothing behind for whoever comes next at the same screen. */
import { batch, effect } from '@preact/signals';
import { forgetAccounts } from './accounts.ts';
import { announcement } from './choices.ts';
import { forgetFrames } from './frame-line.ts';
import { openedEvent } from './opened.ts';
import { phase } from './session.ts';

effect(() => {
  if (phase.value !== 'asking') return;
  batch(() => {
    openedEvent.value = undefined;
    announcement.value = '';
    forgetFrames();
    forgetAccounts();
  });
});
