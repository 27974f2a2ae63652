/** The commands that are or make a server. What each does is loaded when it is called. */
import { type Command, command } from './command.ts';

export const ownCommands: readonly Command[] = [
  command({
    name: 'serve',
    group: 'The server',
    summary: 'Runs the server; without AMQP_URL a demo with invented calls',
    details: `Settings are environment variables, or members of the JSON file that CONFIG_FILE names (the environment wins).
Any secret may be given as NAME_FILE, the path of a file that holds it. A bad setting ends it with 78.`,
    arguments: {},
    options: {},
    examples: [
      ['event-horizon serve', 'a demo, on http://127.0.0.1:5555/'],
      ['AMQP_URL=amqp://localhost AUTH_JWT_SECRET_FILE=secret event-horizon serve', 'with a RabbitMQ'],
    ],
    more: async () => `Settings:\n${(await import('../config.ts')).settingsHelp()}`,
    ownsProcess: true,
    run: async () => (await import('../serve.ts')).runServer(),
  }),
  command({
    name: 'check-config',
    group: 'The server',
    summary: 'Prints the settings that are in force, secrets hidden',
    details: 'What can not be used ends it with 78 and the name of the setting.',
    arguments: {},
    options: {},
    examples: [['CONFIG_FILE=horizon.json event-horizon check-config', 'what a server with this file would run with']],
    ownsProcess: true,
    run: async () => (await import('../serve.ts')).checkSettings(),
  }),
  command({
    name: 'token',
    group: 'The server',
    summary: 'Prints a token, made with the shared secret',
    arguments: {},
    options: {
      account: { type: 'string', value: 'ID', summary: 'the account that the token is of (required)' },
      secret: {
        type: 'string',
        value: 'S',
        summary: "the shared secret; without it, the server's own AUTH_JWT_SECRET",
      },
      expires: { type: 'string', value: '8h', summary: 'how long it is good: a number and s, m, h or d (8h)' },
      owner: { type: 'string', value: 'ID', summary: "the user's id" },
      'superduper-admin': { type: 'boolean', summary: 'may watch every account' },
      families: { type: 'string', value: 'a,b', summary: 'only these families may be subscribed to' },
      scope: {
        type: 'string',
        value: '"a b"',
        summary: 'what it may do: events sockets:read sockets:close commands (all but commands)',
      },
      filter: {
        type: 'string',
        value: 'JSON',
        summary: 'it is given the events that this holds for, and may do nothing else',
      },
    },
    examples: [
      ['AUTH_JWT_SECRET_FILE=secret event-horizon token --account 4b31dd1d32ce6d249897c06332375d65', 'for eight hours'],
      [
        'event-horizon token --account 4b31dd1d32ce6d249897c06332375d65 --filter \'{"Custom-Channel-Vars.Authorizing-ID":"61b3e6fc"}\'',
        "for a page that shows one device's calls and nothing else",
      ],
    ],
    run: async ({ options }) => (await import('./make-token.ts')).printToken(options),
  }),
  command({
    name: 'simulate',
    group: 'The server',
    summary: 'Plays an invented telephone system onto the broker of AMQP_URL',
    details:
      'Calls, conferences, documents, faxes, presence, registrations and notifications, as a Kazoo publishes them.',
    arguments: {},
    options: {
      account: {
        type: 'string',
        value: 'ID=REALM',
        multiple: true,
        summary: "an account to play for; may be given several times (the demo's accounts)",
      },
      seed: { type: 'string', value: 'N', summary: 'the same number plays the same again (a random one)' },
      speed: { type: 'string', value: 'N', summary: "1 is a person's pace (1)" },
    },
    examples: [['AMQP_URL=amqp://localhost event-horizon simulate --speed 10', 'ten times as fast as people are']],
    run: async ({ options }) => (await import('./play.ts')).simulate(options),
  }),
  command({
    name: 'history',
    group: 'The server',
    summary: 'Looks at the stream of HISTORY_STREAM on the broker of AMQP_URL, or deletes it',
    arguments: {},
    options: {
      show: {
        type: 'boolean',
        summary: 'its epoch, its first and last position with their times, and which exchanges it is bound to',
      },
      remove: { type: 'boolean', summary: 'deletes it, with all events in it: all cursors are void then' },
    },
    examples: [['AMQP_URL=amqp://localhost event-horizon history --show', 'what it holds']],
    run: async ({ options }) => (await import('./stream-history.ts')).lookAtHistory(options),
  }),
];
