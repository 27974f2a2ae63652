/** The account's sockets over all nodes: which, from where, what they listen to; and how to close one. */
import { useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Empty } from '../parts/bits.tsx';
import { account } from '../state/accounts.ts';
import { announcement } from '../state/choices.ts';
import { type Answer, accountPath, ask } from '../state/rest.ts';
import { tokenFacts } from '../state/session.ts';
import { dayAndTime, unixMs } from '../times.ts';
import { hasScope } from '../token.ts';
import { words } from '../words.ts';

interface Socket {
  readonly websocket_session_id: string;
  readonly bindings: readonly string[];
  readonly timestamp?: number | string;
  readonly source?: string;
  readonly destination?: string;
  readonly name?: string;
  readonly watching?: true;
}

const everyMs = 5000;
const pageSize = 100;
/** Of one socket; more are counted. */
const mostBindings = 6;

interface Found {
  readonly list: readonly Socket[];
  readonly next: string | undefined;
  readonly isPartial: boolean;
}

async function read(of: string, pages: number): Promise<Found> {
  let list: readonly Socket[] = [];
  let next: string | undefined;
  let isPartial = false;
  for (let page = 0; page < pages && (page === 0 || next !== undefined); page++) {
    const query = new URLSearchParams({ dialect: 'kazoo4', limit: String(pageSize) });
    if (next !== undefined) query.set('start_key', next);
    const answer: Answer<readonly Socket[]> = await ask(`${accountPath(of)}/websockets?${query}`);
    list = [...list, ...answer.data];
    next = answer.next_start_key;
    isPartial ||= answer.partial === true;
  }
  return { list, next, isPartial };
}

function Row({
  socket,
  onClosed,
  of,
}: {
  readonly socket: Socket;
  readonly of: string;
  readonly onClosed: () => void;
}) {
  const isSure = useSignal(false);
  const trouble = useSignal('');
  const { websocket_session_id: id, bindings, timestamp, source, destination, name, watching } = socket;
  const at = unixMs(timestamp);
  async function close(): Promise<void> {
    isSure.value = false;
    try {
      await ask(`${accountPath(of)}/websockets/${encodeURIComponent(id)}`, 'DELETE');
      announcement.value = words.sockets.closed;
    } catch (error) {
      trouble.value = words.failed(error instanceof Error ? error.message : String(error));
    }
    onClosed();
  }
  return (
    <tr data-row tabIndex={0} data-socket={id}>
      <td>
        <strong>{name ?? words.sockets.unnamed}</strong>
        {watching === true ? <small>{words.sockets.watching}</small> : null}
        <small class="code">{id}</small>
      </td>
      <td class="code">{source ?? words.none}</td>
      <td>{destination ?? words.none}</td>
      <td>
        <ul class="bindings">
          {bindings.slice(0, mostBindings).map((binding) => (
            <li key={binding} class="code">
              {binding}
            </li>
          ))}
          {bindings.length > mostBindings ? <li>+{bindings.length - mostBindings}</li> : null}
        </ul>
      </td>
      <td>{at === undefined ? words.none : <time>{dayAndTime(at)}</time>}</td>
      <td class="row-actions">
        {trouble.value === '' ? null : <p class="trouble">{trouble.value}</p>}
        {!hasScope(tokenFacts.value, 'sockets:close') ? null : isSure.value ? (
          <>
            <button type="button" class="button small danger" onClick={() => void close()}>
              {words.sockets.closeYes}
            </button>
            <button
              type="button"
              class="button small"
              onClick={() => {
                isSure.value = false;
              }}
            >
              {words.cancel}
            </button>
          </>
        ) : (
          <button
            type="button"
            class="button small"
            aria-label={`${words.sockets.closeOne} ${name ?? id}`}
            onClick={() => {
              isSure.value = true;
            }}
          >
            {words.sockets.closeOne}
          </button>
        )}
      </td>
    </tr>
  );
}

/** Another account is another list: nothing of the one before may stand under its name, least of all a way to close it. */
export function SocketsView() {
  const of = account.value;
  return <SocketsOf key={of} of={of} />;
}

function SocketsOf({ of }: { readonly of: string | undefined }) {
  const found = useSignal<Found | undefined>(undefined);
  const trouble = useSignal('');
  const pages = useSignal(1);
  const turn = useSignal(0);
  const mayRead = hasScope(tokenFacts.value, 'sockets:read');
  const isAsking = useRef(false);

  useSignalEffect(() => {
    void turn.value;
    if (of === undefined || !mayRead) return undefined;
    // What was asked before, or of another account, is answered too late.
    let isOver = false;
    isAsking.current = true;
    void read(of, pages.value)
      .then((answer) => {
        if (isOver) return;
        found.value = answer;
        trouble.value = '';
      })
      .catch((error: unknown) => {
        if (!isOver) trouble.value = error instanceof Error ? error.message : String(error);
      })
      .finally(() => {
        if (!isOver) isAsking.current = false;
      });
    return () => {
      isOver = true;
    };
  });
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible' && !isAsking.current) turn.value += 1;
    }, everyMs);
    return () => clearInterval(timer);
  }, [turn]);

  const answer = found.value;
  const again = (): void => {
    turn.value += 1;
  };
  return (
    <div class="view">
      <header class="view-head">
        <div class="view-title">
          <h2>{words.titles.sockets}</h2>
          {answer === undefined ? null : (
            <span class="view-count">
              {words.sockets.total(answer.list.length)}
              {answer.next === undefined ? '' : '+'}
            </span>
          )}
        </div>
        <button type="button" class="button" onClick={again}>
          {words.sockets.refresh}
        </button>
      </header>
      {trouble.value === '' ? null : <p class="trouble">{words.failed(trouble.value)}</p>}
      {answer?.isPartial === true ? <p class="hint">{words.sockets.partial}</p> : null}
      {mayRead ? null : <Empty title={words.sockets.refused} detail={words.sockets.refusedDetail} />}
      {answer === undefined && trouble.value === '' && mayRead ? <Empty title={words.sockets.loading} busy /> : null}
      {answer !== undefined && answer.list.length === 0 ? (
        <Empty title={words.sockets.empty} detail={words.sockets.emptyDetail} />
      ) : null}
      {answer === undefined || answer.list.length === 0 || of === undefined ? null : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard
        <section class="panel scroll" tabIndex={0} aria-label={words.titles.sockets}>
          <table class="sockets">
            <thead>
              <tr>
                {(['name', 'source', 'node', 'bindings', 'since'] as const).map((name) => (
                  <th key={name} scope="col">
                    {words.sockets[name]}
                  </th>
                ))}
                <td />
              </tr>
            </thead>
            <tbody>
              {answer.list.map((socket) => (
                <Row key={socket.websocket_session_id} socket={socket} of={of} onClosed={again} />
              ))}
            </tbody>
          </table>
          {answer.next === undefined ? null : (
            <button
              type="button"
              class="button"
              onClick={() => {
                pages.value += 1;
              }}
            >
              {words.sockets.more}
            </button>
          )}
        </section>
      )}
    </div>
  );
}
