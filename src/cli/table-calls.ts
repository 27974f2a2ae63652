/** The commands that do something to calls and sockets. */
import { type Command, command } from './command.ts';
import { serverOptions } from './server-options.ts';

const group = 'Calls and sockets';
const call = { summary: 'the id of the call: `event-horizon calls` shows it' } as const;
const details = `The token needs the scope commands. "Accepted" says that somebody has taken the command; what comes of it is
told by the call's events.`;
const load = () => import('./call-commands.ts');

const plain = (name: string, summary: string): Command =>
  command({
    name,
    group,
    summary,
    details,
    arguments: { CALL: call },
    options: serverOptions,
    examples: [[`event-horizon ${name} 9f1c2b7a@192.0.2.10`, summary.toLowerCase()]],
    run: async ({ args, options }) => (await load()).commandCall(args.CALL, name, {}, options),
  });

export const callCommands: readonly Command[] = [
  plain('hangup', 'Ends a call'),
  plain('hold', 'Puts a call on hold'),
  plain('resume', 'Takes a call off hold'),
  plain('park', 'Parks a call'),
  command({
    name: 'transfer',
    group,
    summary: 'Transfers a call to somebody else',
    details,
    arguments: { CALL: call, TARGET: { summary: 'the number or extension that it goes to' } },
    options: {
      attended: { type: 'boolean', summary: 'the one who transfers speaks with the target first (blind)' },
      moh: { type: 'string', value: 'MEDIA', summary: 'what is played meanwhile: the id of a medium of the account' },
      ...serverOptions,
    },
    examples: [
      ['event-horizon transfer 9f1c2b7a@192.0.2.10 1003', 'to extension 1003, at once'],
      ['event-horizon transfer --attended 9f1c2b7a@192.0.2.10 +14155550186', 'after a word with them'],
    ],
    run: async ({ args, options: { attended, moh, ...server } }) => {
      const members = { target: args.TARGET, transfer_type: attended ? 'attended' : 'blind', moh };
      await (await load()).commandCall(args.CALL, 'transfer', members, server);
    },
  }),
  command({
    name: 'intercept',
    group,
    summary: 'Takes a call over to a device or to the devices of a user',
    details,
    arguments: {
      CALL: call,
      TYPE: { summary: 'device or user', choices: ['device', 'user'] },
      ID: { summary: 'its id' },
    },
    options: {
      'unbridged-only': { type: 'boolean', summary: 'only as long as nobody has answered it' },
      ...serverOptions,
    },
    examples: [
      ['event-horizon intercept 9f1c2b7a@192.0.2.10 user 699ed7e3d583e2577ac017c575f87262', "to this user's devices"],
    ],
    run: async ({ args, options: { 'unbridged-only': unbridgedOnly, ...server } }) => {
      const members = { target_type: args.TYPE, target_id: args.ID, unbridged_only: unbridgedOnly };
      await (await load()).commandCall(args.CALL, 'intercept', members, server);
    },
  }),
  command({
    name: 'metaflow',
    group,
    summary: 'Runs a flow of Kazoo on a call',
    details,
    arguments: { CALL: call, FLOW: { summary: 'JSON, {"module": …, "data": {…}}' } },
    options: serverOptions,
    examples: [
      [`event-horizon metaflow 9f1c2b7a@192.0.2.10 '{"module":"play","data":{"id":"welcome"}}'`, 'plays a medium'],
    ],
    run: async ({ args, options }) => {
      const flow = (await import('./values.ts')).jsonObjectOf('FLOW', args.FLOW);
      await (await load()).runFlow(args.CALL, flow, options);
    },
  }),
  command({
    name: 'close',
    group,
    summary: 'Closes a socket; its client is told to stay away',
    details: 'The token needs the scope sockets:close.',
    arguments: { SOCKET: { summary: 'the id of the socket: `event-horizon sockets` shows it' } },
    options: serverOptions,
    examples: [['event-horizon close 5a0dc8e5-8a4c-4fd0-8a24-2b8f6c1d9a77', 'on whichever node it is']],
    run: async ({ args, options }) => (await load()).closeSocket(args.SOCKET, options),
  }),
];
