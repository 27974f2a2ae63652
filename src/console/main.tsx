/** The console: what an operator has before them all day. */
import { render } from 'preact';
import { App } from './app.tsx';
import { listenToKeys } from './keyboard.ts';
import './state/farewell.ts';
import { start } from './state/session.ts';

const place = document.getElementById('console');
if (place !== null) render(<App />, place);
listenToKeys();
void start();
