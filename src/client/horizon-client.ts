/** Joins the parts: the line to a server, the token, the subscriptions, the questions; and says how it stands. */
import { createBoard } from './board/board.ts';
import { Cursors } from './cursors.ts';
import { Failure, Gap, TypedEventTarget } from './happenings.ts';
import { Heartbeat } from './heartbeat.ts';
import type { Held } from './held.ts';
import { HorizonError, isOfToken } from './horizon-error.ts';
import { Line } from './line.ts';
import { type Message, textOf } from './message.ts';
import { Questions } from './questions.ts';
import { Requests } from './requests.ts';
import { SignIn } from './sign-in.ts';
import { ofFamilies, Subscriber } from './subscriber.ts';
import { Subscriptions } from './subscriptions.ts';
import { guarded, onWake } from './surroundings.ts';
import { accountOf } from './token-account.ts';
import type {
  Board,
  BoardOptions,
  ConnectOptions,
  Handler,
  Horizon,
  HorizonState,
  QueryName,
  QueryReply,
  QueryResults,
  RequestData,
  SocketConstructor,
  Status,
  Stop,
  SubscribeOptions,
} from './types.ts';

export class HorizonClient extends TypedEventTarget implements Horizon {
  readonly #line: Line;
  readonly #requests = new Requests((message) => this.#line.send(message));
  readonly #subscriptions = new Subscriptions(
    () => this.#subscriber.wake(),
    (error) => this.dispatchEvent(new Failure([], error)),
  );
  readonly #cursors = new Cursors(this.#subscriptions.all);
  readonly #questions = new Questions(this.#requests, (error) => this.#renew(error));
  readonly #signIn: SignIn;
  readonly #subscriber: Subscriber;
  readonly #heartbeat: Heartbeat;
  /** Since when the server is without its broker: Unix time, ms. */
  #downSince: number | undefined;
  #rttMs: number | undefined;
  /** The server has taken our token, and not refused it since. */
  #isSignedIn = false;
  #isSuspended = false;
  #told: HorizonState = 'connecting';
  #toldStatus = '';
  #deafen: () => void = () => undefined;

  /** @param url with the dialect and all that belongs in it */
  constructor(
    url: string,
    WebSocket: SocketConstructor,
    private readonly options: ConnectOptions,
  ) {
    super();
    this.#line = new Line(url, WebSocket, {
      onSocket: () => this.#signIn.begin(),
      onMessage: (message) => this.#onMessage(message),
      onLost: () => this.#onLost(),
      onState: () => this.#tell(),
    });
    this.#signIn = new SignIn(options.token, this.#line, this.#requests, {
      onSignedIn: (token, roundTripMs) => guarded(() => this.#onSignedIn(token, roundTripMs)),
      onReason: () => this.#tell(),
    });
    this.#subscriber = new Subscriber(this.#subscriptions, this.#cursors, this.#requests, {
      onGap: (helds, reason) => this.#onGap(helds, reason),
      onRefused: (helds, error) => this.dispatchEvent(new Failure(helds, error)),
      onTokenEnded: (error) => this.#renew(error),
      onSilence: () => this.#line.drop('no answer in 10 s'),
      onProgress: () => this.#onProgress(),
    });
    this.#heartbeat = new Heartbeat({
      ping: () => void this.#measure().catch(() => undefined),
      busySince: () => this.#subscriber.busySince,
      onDead: () => this.#line.drop('the connection went silent'),
    });
    this.open();
  }

  get state(): HorizonState {
    return this.#line.state;
  }

  get status(): Status {
    const { state, since, reason, nextTryAt } = this.#line;
    return {
      state,
      since: this.#downSince ?? since,
      reason,
      nextTryAt,
      source: !this.#isSignedIn ? 'unknown' : this.#downSince === undefined ? 'up' : 'down',
      catchingUp: this.#cursors.caughtUp,
      rttMs: this.#rttMs,
    };
  }

  get account(): string | undefined {
    return this.#subscriptions.ownAccount;
  }

  subscribe<const Binding extends string>(
    bindings: Binding | readonly Binding[],
    handler: Handler<Binding>,
    options: SubscribeOptions = {},
  ): Stop {
    const list = [bindings].flat() as readonly string[];
    // A handler gets events of its own bindings alone, whose types are those that it asks for.
    const account = options.account ?? this.options.account;
    const stop = this.#subscriptions.add(list, handler as Handler, { ...options, account });
    this.#endWaiting();
    return stop;
  }

  async query<Name extends QueryName>(name: Name, data: RequestData = {}): Promise<QueryReply<QueryResults[Name]>> {
    const reply = await this.#questions.ask({ action: 'query', data: this.#withAccount({ ...data, name }) }, true);
    return reply as unknown as QueryReply<QueryResults[Name]>;
  }

  async command(callId: string, action: string, data: RequestData = {}): Promise<{ readonly accepted: boolean }> {
    const message = { action: 'command', data: this.#withAccount({ ...data, call_id: callId, action }) };
    const { accepted } = await this.#questions.ask(message);
    return { accepted: accepted === true };
  }

  async ping(): Promise<number> {
    const askedAt = performance.now();
    await this.#questions.ask({ action: 'ping' }, true);
    return performance.now() - askedAt;
  }

  board({ account, accounts, ...options }: BoardOptions = {}): Board {
    // Where it names none, it is that which is meant everywhere.
    const own = account ?? (accounts?.length ? undefined : this.options.account);
    return createBoard(this, { ...options, account: own, accounts });
  }

  open(): void {
    if (this.state === 'open' || this.#line.isUp) return;
    this.#signIn.forgive();
    this.#questions.end(undefined);
    this.#deafen();
    this.#deafen = onWake(() => this.#onWake());
    this.#line.open();
  }

  close(): void {
    this.#line.close('disconnected by you');
  }

  #withAccount(data: Message): Message {
    return { ...data, account_id: data.account_id ?? this.options.account };
  }

  #onMessage(message: Message): void {
    this.#heartbeat.heard();
    if (message.action === 'reply') this.#onReply(message);
    else if (message.action === 'notice') this.#onNotice(message);
    else if (message.action === 'event') this.#subscriptions.deliver(message, this.#cursors);
  }

  #onReply(reply: Message): void {
    const unasked = this.#requests.take(reply);
    if (unasked === undefined) return;
    if (isOfToken(unasked)) this.#renew(unasked);
    else if (unasked.code === 'rate_limited') this.#subscriber.onUnread(unasked);
    // The account tree or a fresh token allows less than before; the text names what has ended, for people.
    else this.#subscriptions.doubt();
  }

  #onNotice(notice: Message): void {
    const cursor = textOf(notice.cursor);
    switch (notice.notice) {
      case 'live':
        this.#cursors.onLive(notice, cursor);
        this.#subscriber.wake();
        break;
      case 'gap':
        if (notice.families === undefined) this.#cursors.onVoid(cursor);
        else this.#cursors.onNotice(cursor);
        this.#onGap(ofFamilies(this.#subscriptions.all(), notice.families), 'notice');
        break;
      case 'source_down':
        this.#downSince = Date.parse(textOf(notice.since) ?? '') || Date.now();
        break;
      case 'source_up':
        this.#downSince = undefined;
        this.#subscriber.wake();
        break;
      default:
        this.#cursors.onNotice(cursor);
    }
    this.#tell();
  }

  /** What the server holds is another. */
  #onProgress(): void {
    this.#cursors.settle();
    this.#toldStatus = '';
    this.#tell();
  }

  #onGap(helds: readonly Held[], reason: string): void {
    if (helds.length === 0) return;
    this.dispatchEvent(new Gap(helds, this.#subscriptions.accountOf, reason));
  }

  async #onSignedIn(token: string, roundTripMs: number): Promise<void> {
    this.#rttMs = roundTripMs;
    this.#subscriptions.ownAccount = accountOf(token);
    this.#isSignedIn = true;
    const isFresh = this.state !== 'open';
    if (isFresh) this.#cursors.resume();
    this.#line.settle();
    // A listener may have closed it.
    if (this.state !== 'open') return;
    if (isFresh) this.#heartbeat.start();
    if (this.#isSuspended) this.#onSuspensionOver();
    await this.#subscriber.begin();
    if (!this.#isSignedIn || this.state !== 'open') return;
    this.#questions.release();
    this.#onProgress();
  }

  /** The server goes on where the old token ended, but only with a history: then there are cursors. */
  #onSuspensionOver(): void {
    this.#isSuspended = false;
    const lost = ofFamilies(this.#subscriptions.all(), undefined).filter(({ cursor }) => cursor === undefined);
    this.#onGap(lost, 'no_history');
  }

  /** The server takes our token no more. */
  #renew(error: HorizonError): void {
    if (!this.#line.isUp || !this.#isSignedIn) return;
    this.#isSignedIn = false;
    this.#isSuspended = true;
    this.#subscriber.pause();
    this.#questions.hold();
    this.#line.reason = `${error.message} (${error.code})`;
    this.#tell();
    this.#signIn.begin(error);
  }

  #onLost(): void {
    this.#isSignedIn = false;
    this.#isSuspended = false;
    this.#downSince = undefined;
    this.#rttMs = undefined;
    this.#heartbeat.stop();
    this.#signIn.lose();
    this.#subscriber.pause();
    this.#questions.hold();
    this.#cursors.lose();
    this.#subscriptions.lose();
    this.#requests.lose();
  }

  async #measure(): Promise<void> {
    const askedAt = Date.now();
    await this.#requests.ask({ action: 'ping' });
    this.#rttMs = Date.now() - askedAt;
  }

  #onWake(): void {
    if (this.state === 'open') this.#heartbeat.probe();
    else this.#line.hurry();
  }

  /** Where it is closed, nobody waits for anything. What was subscribed to is asked for when somebody opens it again. */
  #endWaiting(): void {
    const { state, reason } = this.#line;
    if (state !== 'closed') return;
    this.#deafen();
    const error = new HorizonError('closed', `closed: ${reason}`);
    this.#questions.end(error);
    this.#subscriptions.disappoint(error);
  }

  /** Says what is another than when it was last said. */
  #tell(): void {
    const { state } = this.#line;
    this.#endWaiting();
    const { rttMs: _, catchingUp, ...status } = this.status;
    const text = JSON.stringify({ ...status, isCatchingUp: catchingUp !== undefined });
    if (text === this.#toldStatus) return;
    this.#toldStatus = text;
    const isOtherState = state !== this.#told;
    this.#told = state;
    this.dispatchEvent(new Event('status'));
    // A listener may have changed it, and others were told of that.
    if (isOtherState && this.state === state) this.dispatchEvent(new Event('state'));
  }
}
