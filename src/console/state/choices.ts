/** What the reader chose about the page itself: kept in the browser. */
import { effect, signal } from '@preact/signals';
import { keepChoice, keptChoice } from '../storage.ts';

export type Theme = 'auto' | 'light' | 'dark';
export const theme = signal<Theme>(keptChoice<Theme>('theme', 'auto'));
export type Layout = 'table' | 'cards';
export const layout = signal<Layout>(keptChoice<Layout>('layout', 'table'));

effect(() => {
  keepChoice('theme', theme.value);
  document.documentElement.dataset.theme = theme.value;
});
effect(() => keepChoice('layout', layout.value));

/** Of the whole page: what a screen reader says next. */
export const announcement = signal('');

export const areKeysShown = signal(false);
