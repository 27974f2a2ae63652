/** How much room there is. */
import { signal } from '@preact/signals';

const narrow = matchMedia('(max-width: 719px)');

/** A telephone, held upright. */
export const isNarrow = signal(narrow.matches);
narrow.addEventListener('change', () => {
  isNarrow.value = narrow.matches;
});
