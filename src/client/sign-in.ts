/** Shows the server our token, and gets another one where it wants one. */
import { HorizonError, isOfToken, isPassing } from './horizon-error.ts';
import type { Line } from './line.ts';
import { answerMs, type Requests, timedOut } from './requests.ts';
import type { TokenSource } from './types.ts';

/** Who gave no token, or can't check one, is asked again after a while, each client at a moment of its own. ms */
const leastRetryMs = 1000;
const mostRetryMs = 3000;
/** Tokens that fail in a row. */
const mostFailures = 2;

export interface SignInListener {
  /** @param roundTripMs how long the server took */
  onSignedIn(token: string, roundTripMs: number): void;
  /** What keeps us waiting is another reason, or none any more. */
  onReason(): void;
}

export class SignIn {
  #failures = 0;
  /** Grows with each beginning and each loss; what belongs to an earlier one is of no interest. */
  #turn = 0;
  #isUnderWay = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #token: TokenSource;
  readonly #line: Line;
  readonly #requests: Requests;
  readonly #listener: SignInListener;

  constructor(token: TokenSource, line: Line, requests: Requests, listener: SignInListener) {
    this.#token = token;
    this.#line = line;
    this.#requests = requests;
    this.#listener = listener;
  }

  /** On a fresh connection, or when the server takes the old token no more. */
  begin(refusal?: HorizonError): void {
    if (this.#isUnderWay) return;
    this.#isUnderWay = true;
    this.#turn += 1;
    void this.#try(this.#turn, refusal);
  }

  /** The connection is gone. */
  lose(): void {
    clearTimeout(this.#retry);
    this.#isUnderWay = false;
    this.#turn += 1;
  }

  /** Somebody says that it makes sense to try again. */
  forgive(): void {
    this.#failures = 0;
  }

  async #try(turn: number, refusal?: HorizonError): Promise<void> {
    const isStale = (): boolean => turn !== this.#turn;
    try {
      const token = await this.#ask(refusal);
      if (isStale()) return;
      const askedAt = Date.now();
      await this.#requests.ask({ action: 'ping', auth_token: token });
      if (isStale()) return;
      this.#failures = 0;
      this.#isUnderWay = false;
      this.#listener.onSignedIn(token, Date.now() - askedAt);
    } catch (error) {
      // Both of what it waits for fail with nothing else; whoever is told is guarded.
      if (!isStale()) this.#onFailure(error as HorizonError, turn);
    }
  }

  async #ask(refusal: HorizonError | undefined): Promise<string> {
    if (typeof this.#token === 'string') return this.#token;
    const get = this.#token;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const token: unknown = await new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(timedOut()), answerMs);
        // Ends with the connection, as any other pause does.
        this.#retry = timer;
        Promise.resolve(refusal).then(get).then(resolve, reject);
      });
      if (typeof token === 'string' && token !== '') return token;
      throw new TypeError('no text');
    } catch (thrown) {
      const words = thrown instanceof Error ? thrown.message : String(thrown);
      throw new HorizonError('token_failed', `no token could be had: ${words}`, { cause: thrown });
    } finally {
      clearTimeout(timer);
    }
  }

  #onFailure(error: HorizonError, turn: number): void {
    const { code, message } = error;
    // A socket belongs to the account of its first token for good: another account takes another socket.
    const isOther = code === 'account_unauthorized';
    const isRefused = isOfToken(error) || isOther;
    if (isRefused || code === 'token_failed') this.#failures += 1;
    if (this.#failures >= mostFailures) {
      this.#line.close(`${message} (${code})`);
      return;
    }
    if (code === 'timeout') {
      this.#line.drop('no answer in 10 s');
      return;
    }
    if (isOther) {
      this.#line.open();
      return;
    }
    this.#line.reason = message;
    this.#listener.onReason();
    if (isRefused) {
      void this.#try(turn, error);
    } else if (isPassing(error) || code === 'token_failed') {
      const pauseMs = leastRetryMs + Math.random() * (mostRetryMs - leastRetryMs);
      this.#retry = setTimeout(() => void this.#try(turn), pauseMs);
    } else {
      this.#line.drop(message);
    }
  }
}
