/** A long list of which only what can be seen is in the page. */
import type { ComponentChildren, Ref } from 'preact';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Rows beyond the edge, so that a quick hand meets no gap. */
const spare = 6;

interface Props<Item> {
  readonly items: readonly Item[];
  readonly rowHeight: number;
  /** Of cards: as many side by side as have room, each at least so wide. px; undefined: one a row */
  readonly cardWidth?: number | undefined;
  /** The row that the keyboard is on: it is scrolled to when it changes. */
  readonly cursor?: number | undefined;
  readonly class?: string;
  readonly role?: 'list' | 'rowgroup' | undefined;
  readonly label?: string | undefined;
  /** Told which rows can be seen, or nearly. */
  readonly onShown?: ((items: readonly Item[]) => void) | undefined;
  /** Told when somebody leaves the top, and when they are back. */
  readonly onTop?: ((isAtTop: boolean) => void) | undefined;
  readonly children: (item: Item, index: number) => ComponentChildren;
}

interface Extent {
  readonly from: number;
  readonly to: number;
  readonly columns: number;
}

export function VirtualList<Item>({
  items,
  rowHeight,
  cardWidth,
  cursor,
  children,
  role,
  label,
  onTop,
  onShown,
  ...rest
}: Props<Item>) {
  const box = useRef<HTMLDivElement>(null);
  const [extent, setExtent] = useState<Extent>({ from: 0, to: 30, columns: 1 });

  const measure = useCallback(() => {
    const { current } = box;
    if (current === null) return;
    const { scrollTop, clientHeight, clientWidth } = current;
    const columns = cardWidth === undefined ? 1 : Math.max(1, Math.floor((clientWidth - 16) / cardWidth));
    const from = Math.max(0, Math.floor(scrollTop / rowHeight) - spare);
    const to = Math.ceil((scrollTop + clientHeight) / rowHeight) + spare;
    setExtent((before) =>
      before.from === from && before.to === to && before.columns === columns ? before : { from, to, columns },
    );
  }, [rowHeight, cardWidth]);

  const wasAtTop = useRef(true);
  const onScroll = (): void => {
    measure();
    const isAtTop = (box.current?.scrollTop ?? 0) < rowHeight / 2;
    if (isAtTop === wasAtTop.current) return;
    wasAtTop.current = isAtTop;
    onTop?.(isAtTop);
  };

  useLayoutEffect(() => {
    const { current } = box;
    measure();
    if (current === null) return undefined;
    const observer = new ResizeObserver(measure);
    observer.observe(current);
    return () => observer.disconnect();
  }, [measure]);

  useEffect(() => {
    const { current } = box;
    if (current === null || cursor === undefined || cursor < 0) return;
    const top = Math.floor(cursor / extent.columns) * rowHeight;
    if (top < current.scrollTop) current.scrollTop = top;
    else if (top + rowHeight > current.scrollTop + current.clientHeight)
      current.scrollTop = top + rowHeight - current.clientHeight;
  }, [cursor, rowHeight, extent.columns]);

  // Whose row goes while the keyboard is on it goes on at the row that takes its place; a row that is scrolled away has not gone.
  const focused = useRef<{ readonly row: HTMLElement; place: number } | undefined>(undefined);
  const allRows = (): HTMLElement[] => [...(box.current?.querySelectorAll<HTMLElement>('[data-row]') ?? [])];
  const onFocus = ({ target }: FocusEvent): void => {
    const row = target instanceof Element ? target.closest<HTMLElement>('[data-row]') : null;
    focused.current = row === null ? undefined : { row, place: allRows().indexOf(row) };
  };
  useLayoutEffect(() => {
    const { current } = focused;
    if (current === undefined) return;
    const all = allRows();
    if (current.row.isConnected) {
      current.place = all.indexOf(current.row);
      if (!current.row.contains(document.activeElement)) focused.current = undefined;
    } else if (document.activeElement === document.body) {
      focused.current = undefined;
      all[Math.min(current.place, all.length - 1)]?.focus({ preventScroll: true });
    }
  }, [items]);

  const { columns } = extent;
  const rows = Math.ceil(items.length / columns);
  const from = Math.min(extent.from, Math.max(0, rows - 1));
  const to = Math.min(extent.to, rows);
  const shown = items.slice(from * columns, to * columns);
  useEffect(() => onShown?.(shown));
  return (
    <div class={`virtual ${rest.class ?? ''}`} ref={box as Ref<HTMLDivElement>} onScroll={onScroll} onFocusIn={onFocus}>
      <div class="virtual-space" style={{ height: `${rows * rowHeight}px` }}>
        <div
          class="virtual-rows"
          {...(role !== undefined && { role, 'aria-label': label })}
          style={{
            transform: `translateY(${from * rowHeight}px)`,
            gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
            gridAutoRows: `${rowHeight}px`,
          }}
        >
          {shown.map((item, index) => children(item, from * columns + index))}
        </div>
      </div>
    </div>
  );
}
