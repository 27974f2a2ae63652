/** What is done to calls and sockets: one request to the server each. */
import { accountPath, ask, type RestRequest } from './rest.ts';
import { Server } from './server.ts';
import type { ServerOptions } from './server-options.ts';

type Members = Readonly<Record<string, string | boolean | undefined>>;

/**
 * Gives a command to a call. What comes of it is told by the call's events.
 * @param members what else belongs to the action; those that are undefined are left out
 * @throws Failure
 */
export async function commandCall(
  call: string,
  action: string,
  members: Members,
  options: ServerOptions,
): Promise<void> {
  await atCall(call, action, options, { method: 'POST', body: { data: { action, ...members } } });
}

/** Runs a flow of Kazoo's metaflows on a call. @throws Failure */
export async function runFlow(call: string, flow: object, options: ServerOptions): Promise<void> {
  await atCall(call, 'metaflow', options, { method: 'PUT', body: { data: { action: 'metaflow', data: flow } } });
}

async function atCall(call: string, action: string, options: ServerOptions, request: RestRequest): Promise<void> {
  const server = new Server(options, process.env);
  const absent = `the account has no call ${call}; \`event-horizon calls\` shows which there are`;
  await ask(server, await accountPath(server, 'channels', call), { ...request, absent });
  process.stdout.write(`${action}: accepted\n`);
}

/** Closes a socket, on whichever node it is; its client is told to stay away. @throws Failure */
export async function closeSocket(socket: string, options: ServerOptions): Promise<void> {
  const server = new Server(options, process.env);
  const path = await accountPath(server, 'websockets', socket);
  const absent = `the account has no socket ${socket}; \`event-horizon sockets\` shows which there are`;
  await ask(server, path, { method: 'DELETE', absent });
  process.stdout.write(`${socket}: closed\n`);
}
