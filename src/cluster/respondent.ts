/** Answers what other nodes ask: which sockets are here, and to close one. */
import type { z } from 'zod';
import type { ControlChannel } from '../bus.ts';
import { messageOf } from '../errors.ts';
import { TokenBucket } from '../token-bucket.ts';
import type { Warn } from './asker.ts';
import type { LocalSockets } from './cluster.ts';
import {
  answersExchange,
  closeRequestSchema,
  getRequestSchema,
  headersOf,
  isFromOurKind,
  type Sender,
  withoutOwner,
} from './messages.ts';
import { type Page, pageOf } from './pages.ts';

type GetRequest = z.output<typeof getRequestSchema>;

/** What the answers of this node may come to, bytes: whoever asks for more gets none, and knows that it has none. */
const answerBytes = { perSecond: 4_194_304, burst: 16_777_216 };
/** What an answer costs, however little it says. */
const leastBytes = 1024;
/** Crossbar knows no pages; beyond this its list is cut. RabbitMQ 4 takes no message over 16 MiB. */
const maxForeignBytes = 4_194_304;

export class Respondent {
  readonly #answerBytes = new TokenBucket(answerBytes);

  constructor(
    private readonly control: ControlChannel,
    private readonly sockets: LocalSockets,
    private readonly sender: Sender,
    private readonly warn: Warn,
  ) {}

  /** @throws ZodError where that is no question */
  onGetRequest(payload: unknown): void {
    const request = getRequestSchema.parse(payload);
    if (request['Instance-ID'] === this.sender.instanceId) return;
    if (!this.#answerBytes.take(performance.now())) {
      this.warn('other nodes ask for more sockets than this one can list', { node: request.Node });
      return;
    }
    const { bytes, answer } = this.#answerTo(request);
    this.#answerBytes.spend(Math.max(bytes, leastBytes));
    this.#answer(request, { 'Event-Name': 'get_resp', ...answer });
  }

  /** @throws ZodError where that is no question */
  onCloseRequest(payload: unknown): void {
    const request = closeRequestSchema.parse(payload);
    if (request['Instance-ID'] === this.sender.instanceId) return;
    const isClosed = this.sockets.close(request['Account-ID'], request['Socket-ID']);
    this.#answer(request, { 'Event-Name': 'close_resp', Closed: isClosed });
  }

  #answerTo(request: GetRequest): { bytes: number; answer: object } {
    const isOurs = isFromOurKind(request);
    const id = request['Socket-ID'];
    if (id !== undefined) {
      // Blackhole looks for the id alone: who knows it is shown the socket.
      const record = this.sockets.find(id, isOurs ? request['Account-ID'] : undefined);
      if (record === undefined) return { bytes: 0, answer: { Data: [] } };
      return { bytes: JSON.stringify(record).length, answer: { Data: isOurs ? record : withoutOwner(record) } };
    }
    const { records, nextStartKey, bytes } = isOurs ? this.#page(request) : this.#listForKazoo(request);
    return {
      bytes,
      answer: {
        Data: isOurs ? records : records.map(withoutOwner),
        ...(isOurs && nextStartKey !== undefined && { 'Next-Start-Key': nextStartKey }),
      },
    };
  }

  #page(request: GetRequest): Page {
    return pageOf(this.sockets.ofAccount(request['Account-ID'] ?? ''), {
      startKey: request['Start-Key'],
      limit: request.Limit,
      idsOnly: request['Ids-Only'] === true,
    });
  }

  /** The sockets of either account, as Blackhole lists them. */
  #listForKazoo(request: GetRequest): Page {
    const accounts = [request['Account-ID'], request['Auth-Account-ID']].filter((account) => account !== undefined);
    const listed = accounts.flatMap((account) => [...this.sockets.ofAccount(account)]);
    const each = new Map(listed.map((item) => [item.id, item])).values();
    const page = pageOf(each, { startKey: undefined, limit: undefined, idsOnly: false }, maxForeignBytes);
    if (page.nextStartKey !== undefined) {
      this.warn('a list of sockets was cut: whoever asked knows no pages', { records: page.records.length });
    }
    return page;
  }

  #answer(request: { readonly 'Msg-ID'?: string | undefined; readonly 'Server-ID': string }, answer: object): void {
    const message = {
      ...headersOf(this.sender),
      ...(request['Msg-ID'] !== undefined && { 'Msg-ID': request['Msg-ID'] }),
      'Event-Category': 'websockets',
      ...answer,
    };
    this.control.publish(answersExchange.name, request['Server-ID'], message).catch((error: unknown) => {
      this.warn('another node could not be answered', { reason: messageOf(error) });
    });
  }
}
