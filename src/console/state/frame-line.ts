/**
 * A socket of the developer's own, to see the frames of either dialect as a program gets them. The console itself lives
 * on the client library; this is what one looks like without it.
 */
import { signal } from '@preact/signals';
import { errorWords, words } from '../words.ts';
import { token } from './session.ts';

export interface Frame {
  readonly key: number;
  readonly isSent: boolean;
  readonly at: number;
  readonly text: string;
}

const mostFrames = 200;

export const frames = signal<readonly Frame[]>([]);
export const isListening = signal(false);
export const ending = signal('');
let socket: WebSocket | undefined;
let next = 1;

function note(text: string, isSent: boolean): void {
  frames.value = [...frames.peek(), { key: next, isSent, at: Date.now(), text }].slice(-mostFrames);
  next += 1;
}

/** What a reply says where it is a refusal, in words. */
function refusalIn(text: string): string | undefined {
  const reply = JSON.parse(text) as { action?: unknown; status?: unknown; data?: { code?: unknown; errors?: unknown } };
  if (reply.action !== 'reply' || reply.status !== 'error') return undefined;
  const [first] = Array.isArray(reply.data?.errors) ? reply.data.errors : [];
  return errorWords(String(reply.data?.code), String(first ?? ''));
}

export function stopListening(): void {
  socket?.close(1000);
  socket = undefined;
  isListening.value = false;
}

export function clearFrames(): void {
  frames.value = [];
}

/** Somebody else may come: the socket has the token of who was there. */
export function forgetFrames(): void {
  stopListening();
  clearFrames();
  ending.value = '';
}

/** @param data of the subscribe */
export function startListening(dialect: string, data: Readonly<Record<string, unknown>>): void {
  stopListening();
  ending.value = '';
  const address = new URL(`/?dialect=${dialect}`, location.href);
  address.protocol = address.protocol.replace('http', 'ws');
  const own = new WebSocket(address);
  socket = own;
  isListening.value = true;
  own.onopen = () => {
    const message = { action: 'subscribe', auth_token: token.peek(), request_id: 'console', data };
    own.send(JSON.stringify(message));
    // What is shown may be photographed: the token isn't.
    note(JSON.stringify({ ...message, auth_token: words.developer.hidden }), true);
  };
  own.onmessage = ({ data: text }: MessageEvent<unknown>) => {
    if (socket !== own || typeof text !== 'string') return;
    note(text, false);
    ending.value = refusalIn(text) ?? ending.peek();
  };
  own.onclose = ({ code, reason }) => {
    if (socket !== own) return;
    socket = undefined;
    isListening.value = false;
    ending.value = words.developer.ended(code, reason);
  };
}
