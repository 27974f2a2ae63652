/** How each command that talks to a server is told which, and with which token. */
import type { OptionValues } from './command.ts';

export const serverOptions = {
  url: {
    type: 'string',
    value: 'URL',
    summary: 'the server, http(s):// or ws(s):// (EVENT_HORIZON_URL; http://127.0.0.1:5555/)',
  },
  token: {
    type: 'string',
    value: 'TOKEN',
    summary: 'the token; others on this machine may see it (EVENT_HORIZON_TOKEN)',
  },
  'token-file': { type: 'string', value: 'FILE', summary: 'a file with the token' },
  account: { type: 'string', value: 'ID', summary: "the account, the token's own or one below it (the token's own)" },
} as const;

export type ServerOptions = OptionValues<typeof serverOptions>;
