/** The commands that show what is. */
import { type Command, command } from './command.ts';
import type { ListName } from './lists.ts';
import { serverOptions } from './server-options.ts';

const options = {
  ...serverOptions,
  watch: { type: 'boolean', summary: 'keeps it on the screen' },
  every: { type: 'string', value: '2s', summary: 'how often it is asked for with --watch (2s)' },
  json: { type: 'boolean', summary: "the server's own answer, a line of JSON" },
} as const;

interface Row {
  readonly name: ListName;
  readonly summary: string;
  readonly details?: string;
  readonly examples: Command['examples'];
}

const rows: readonly Row[] = [
  {
    name: 'calls',
    summary: 'The calls of now: for how long, state, who with whom',
    details: `Both legs of a call are one row; CALL is what hangup, transfer and the others take. Who calls is asked for at most 100
calls. Needs the scope events.`,
    examples: [
      ['event-horizon calls --watch', 'the calls, and what becomes of them'],
      ["event-horizon calls --json | jq -r '.[].uuid'", 'the ids of all legs'],
    ],
  },
  {
    name: 'conferences',
    summary: 'The conferences that are held, with how many people',
    examples: [['event-horizon conferences', 'those of the account']],
  },
  {
    name: 'registrations',
    summary: 'The devices that are registered',
    examples: [['event-horizon registrations --account 8c0f5a2be91d4c7790d3ab7415e2f6aa', 'those of another account']],
  },
  {
    name: 'sockets',
    summary: "The account's WebSockets, on all nodes",
    details: 'SOCKET is what `event-horizon close` takes. Needs the scope sockets:read.',
    examples: [['event-horizon sockets --watch --every 10s', 'who is connected']],
  },
  {
    name: 'bindings',
    summary: 'What can be subscribed to on this server; no token is needed',
    examples: [['event-horizon bindings', 'all families']],
  },
  {
    name: 'accounts',
    summary: 'The accounts below the account',
    examples: [['event-horizon accounts', "those below the token's own"]],
  },
];

const group = 'What happens and what is';

const listen = command({
  name: 'listen',
  group,
  summary: 'Events as they happen, a readable line each',
  details: `Without a BINDING it is call.*.*; \`event-horizon bindings\` lists what there is. It goes on through restarts and lost
connections, and is given what it missed; standard error says when the connection is away, or something may be missing.`,
  arguments: { BINDING: { summary: 'what to listen to, call.CHANNEL_CREATE.* for instance', isRepeated: true } },
  options: {
    ...serverOptions,
    filter: { type: 'string', value: 'JSON', summary: 'only events that are so; the server sorts them out' },
    subaccounts: { type: 'boolean', summary: 'those of all accounts below the account, too' },
    json: { type: 'boolean', summary: "the server's frames, a line of JSON each" },
    since: { type: 'string', value: 'CURSOR', summary: 'what came behind it first: the cursor of an earlier event' },
    for: { type: 'string', value: '30s', summary: 'ends after this time' },
    count: { type: 'string', value: 'N', summary: 'ends after so many events' },
  },
  examples: [
    ['event-horizon listen', 'calls; of the demo on this machine, where it runs'],
    [
      "event-horizon listen 'call.*.*' 'conference.event.*' --subaccounts",
      'calls and conferences of all accounts below',
    ],
    [
      `event-horizon listen --filter '{"custom_channel_vars.owner_id":"699ed7e3d583e2577ac017c575f87262"}'`,
      'the calls of one user',
    ],
    ['event-horizon listen --json --for 1m | jq -r .name', 'what happens in a minute'],
  ],
  run: async ({ args, options: given }) => (await import('./listen.ts')).listen(args.BINDING, given),
});

export const listCommands: readonly Command[] = [
  listen,
  ...rows.map((row) =>
    command({
      ...row,
      group,
      arguments: {},
      options,
      run: async ({ options: given }) => (await import('./show.ts')).show(row.name, given),
    }),
  ),
];
