/** What a developer takes along: the same subscription for a terminal, for a browser, for a request. Pure. */

export interface Wanted {
  readonly origin: string;
  readonly dialect: string;
  readonly binding: string;
  readonly account: string;
  readonly filter: object | undefined;
  readonly below: boolean;
  readonly once: boolean;
  /** What stands where a token belongs. */
  readonly token: string;
}

/** The `data` of a subscribe. */
export function subscribeData({ binding, account, filter, below, once }: Wanted): Record<string, unknown> {
  return {
    binding,
    ...(account !== '' && { account_id: account }),
    ...(filter !== undefined && { filter }),
    ...(below && { include_subaccounts: true }),
    ...(once && { once: true }),
  };
}

/** One word of a shell, whatever is in it. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The same events over REST: a page of the latest ones. */
export function curlLine({ origin, dialect, binding, account, token }: Wanted): string {
  const query = new URLSearchParams({ binding, dialect, limit: '100' });
  const path = `/v2/accounts/${encodeURIComponent(account)}/events?${query}`;
  return `curl -s -H ${shellWord(`X-Auth-Token: ${token}`)} ${shellWord(`${origin}${path}`)}`;
}

export function listenLine(wanted: Wanted): string {
  const { origin, binding, account, filter, below, once, token } = wanted;
  const options = [
    ['--url', origin],
    ['--token', token],
    ...(account === '' ? [] : [['--account', account]]),
    ...(filter === undefined ? [] : [['--filter', JSON.stringify(filter)]]),
  ].flatMap(([name = '', value = '']) => [name, shellWord(value)]);
  const flags = [...(below ? ['--subaccounts'] : []), ...(once ? ['--count', '1'] : [])];
  return ['npx event-horizon listen', shellWord(binding), ...options, ...flags].join(' ');
}

export function browserScript(wanted: Wanted): string {
  const { origin, dialect, token } = wanted;
  const message = { action: 'subscribe', auth_token: token, request_id: '1', data: subscribeData(wanted) };
  return [
    `const socket = new WebSocket(${JSON.stringify(`${origin.replace(/^http/, 'ws')}/?dialect=${dialect}`)});`,
    `socket.onopen = () => socket.send(JSON.stringify(${JSON.stringify(message, null, 2)}));`,
    'socket.onmessage = ({ data }) => console.log(JSON.parse(data));',
  ].join('\n');
}
