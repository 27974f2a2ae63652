/** The commands that work on the bus itself, without a server. */
import { type Command, command } from './command.ts';

const group = 'The bus';
const key = { summary: 'the routing key; {enc:VALUE} in it is encoded as one word, as kz.encode does' } as const;
const connection =
  'The broker is that of AMQP_URL (or AMQP_URL_FILE): several addresses, with commas, are tried in turn.';
const load = () => import('./bus-publish.ts');

export const busCommands: readonly Command[] = [
  command({
    name: 'bus listen',
    group,
    summary: 'What passes on the bus itself: routing key and body of each message',
    details: `${connection}
An exchange that there is not is declared, not durable, of TYPE (topic; fanout and direct for Kazoo's own that are so).
Without --queue it listens on a queue of its own that ends with it.`,
    arguments: {
      EXCHANGE: { summary: 'its name, or NAME:TYPE (topic, fanout, direct)' },
      KEY: { summary: 'what its queue is bound to; {enc:VALUE} in it is encoded, as kz.encode does' },
    },
    options: {
      queue: { type: 'string', value: 'NAME', summary: 'listens on this queue, which others may share' },
      durable: { type: 'boolean', summary: 'the queue outlives a restart of the broker' },
      'no-auto-delete': { type: 'boolean', summary: 'the queue outlives the last who listens on it' },
      ack: { type: 'boolean', summary: 'messages are acknowledged when they were printed (when they were sent)' },
      json: { type: 'boolean', summary: 'a line of JSON each: exchange, routing_key, body' },
      for: { type: 'string', value: '30s', summary: 'ends after this time' },
      count: { type: 'string', value: 'N', summary: 'ends after so many messages' },
    },
    examples: [
      ["event-horizon bus listen callevt 'call.#'", 'all of the calls, requests included'],
      ["event-horizon bus listen callevt 'call.*.{enc:9f1c2b7a@192.0.2.10}' --json", 'those of one call'],
      [
        'event-horizon bus listen dialoginfo:direct BLF-proxy1 --queue BLF-QUEUE-proxy1 --durable --no-auto-delete --ack',
        'a queue that stays, as kazoo_subscribe makes it',
      ],
    ],
    run: async ({ args, options }) => (await import('./bus-listen.ts')).busListen(args.EXCHANGE, args.KEY, options),
  }),
  command({
    name: 'bus publish',
    group,
    summary: 'Publishes a message, and says when nobody listens',
    details: `${connection}
It is mandatory and confirmed: 0 says that the broker has it and some queue took it.`,
    arguments: {
      EXCHANGE: { summary: 'the name of the exchange' },
      KEY: key,
      JSON: { summary: 'the body, a JSON object; - reads it from standard input' },
    },
    options: {},
    examples: [
      [
        `event-horizon bus publish registrar 'registration.success.{enc:harbour.example.com}.1001' '{"Event-Name":"reg_success"}'`,
        'as a registrar does',
      ],
    ],
    run: async ({ args }) => (await load()).busPublish(args.EXCHANGE, args.KEY, args.JSON),
  }),
  command({
    name: 'bus query',
    group,
    summary: 'Asks the others on the bus, and prints their answers',
    details: `${connection}
The question gets Msg-ID and Server-ID (and App-Name and App-Version where it has none, without which Kazoo answers nothing);
what comes back with the same Msg-ID is an answer.`,
    arguments: {
      EXCHANGE: { summary: 'the name of the exchange' },
      KEY: key,
      JSON: { summary: 'the question, a JSON object' },
    },
    options: {
      for: { type: 'string', value: '2s', summary: 'how long answers are waited for (2s)' },
      count: { type: 'string', value: 'N', summary: 'ends after so many answers' },
      select: { type: 'string', value: 'PATH', summary: 'prints what is there in each: Channels[0].switch_url' },
    },
    examples: [
      [
        "event-horizon bus query callevt 'call.status_req.{enc:1001}' \"$QUESTION\" --select 'Channels[0].switch_url'",
        `on which switch a user speaks; QUESTION='{"Event-Category":"call_event","Event-Name":"query_user_channels_req",…}'`,
      ],
    ],
    run: async ({ args, options }) => (await load()).busQuery(args.EXCHANGE, args.KEY, args.JSON, options),
  }),
];
