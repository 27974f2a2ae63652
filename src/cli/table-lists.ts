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

export const listCommands: readonly Command[] = rows.map((row) =>
  command({
    ...row,
    group: 'What happens and what is',
    arguments: {},
    options,
    run: async ({ options: given }) => (await import('./show.ts')).show(row.name, given),
  }),
);
