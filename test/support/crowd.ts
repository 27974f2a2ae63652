/** Many clients who listen for the numbered events of a steady publisher, and keep nothing but the numbers. */
import { WebSocket } from 'ws';
import type { Sent } from './steady-publisher.ts';

const numberPattern = /"Number":(\d+)/;

export class Member {
  /** Numbers of the events that came, since the record was begun. */
  readonly got = new Set<number>();
  /** The latest. */
  last = -1;
  /** Events that came twice, or behind a later one. */
  outOfOrder = 0;
  /** From which event on it should have got each. */
  since = Number.POSITIVE_INFINITY;
  closed: number | undefined;

  constructor(
    readonly account: string,
    readonly socket: WebSocket,
  ) {
    socket.on('message', (data) => {
      const found = numberPattern.exec(data.toString());
      if (found !== null) this.#take(Number(found[1]));
    });
    socket.on('close', (code) => {
      this.closed = code;
    });
    socket.on('error', () => undefined);
  }

  #take(number: number): void {
    if (number <= this.last) this.outOfOrder += 1;
    this.last = Math.max(this.last, number);
    this.got.add(number);
  }
}

/** Opens a socket and subscribes. Rejects when it is refused, or closed before the answer. */
export async function join(
  address: string,
  account: string,
  token: string,
  bindings: readonly string[],
): Promise<Member> {
  const socket = new WebSocket(address, { perMessageDeflate: false, headers: { 'x-auth-token': token } });
  const member = new Member(account, socket);
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => socket.send(JSON.stringify({ action: 'subscribe', data: { bindings } })));
    const onMessage = (data: WebSocket.RawData): void => {
      const message = JSON.parse(data.toString()) as { action?: string; status?: string };
      if (message.action !== 'reply') return;
      socket.off('message', onMessage);
      if (message.status === 'success') resolve();
      else reject(new Error(data.toString()));
    };
    socket.on('message', onMessage);
    socket.once('error', reject);
    socket.once('close', (code) => reject(new Error(`closed with ${code} before the answer`)));
  });
  return member;
}

/**
 * @param sent what was published, by number
 * @param until the first number that is not asked for
 * @returns those that the broker has taken and the member did not get, although it had subscribed before
 */
export function lostBy(member: Member, sent: readonly Sent[], until = sent.length): Sent[] {
  return sent
    .slice(0, until)
    .filter(({ number, account, isConfirmed }) => number >= member.since && account === member.account && isConfirmed)
    .filter(({ number }) => !member.got.has(number));
}
