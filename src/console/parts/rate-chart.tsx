/** Events a second by family, as a picture that moves with the time. */
import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { theme } from '../state/choices.ts';
import { now } from '../state/clock.ts';
import { families, firstStepAt, ratesOf, stepMs, steps } from '../state/happenings.ts';
import { clockTime } from '../times.ts';
import { words } from '../words.ts';

const height = 128;

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** A custom property may say one colour for each scheme; a canvas wants the one that holds. */
function resolved(name: string, place: HTMLElement): string {
  const probe = document.createElement('span');
  probe.style.color = colour(name) === '' ? 'currentColor' : `var(${name})`;
  place.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

const known = ['call', 'conference', 'object', 'fax', 'presence', 'registration', 'notifications'];

function draw(place: HTMLElement): uPlot {
  const soft = resolved('--soft', place);
  const line = resolved('--line', place);
  const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: '11px sans-serif' };
  return new uPlot(
    {
      width: place.clientWidth,
      height,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (_chart, _low, high) => [0, Math.max(1, high * 1.1)] } },
      axes: [
        { ...axis, size: 26, values: (_chart, times) => times.map((seconds) => clockTime(seconds * 1000)) },
        { ...axis, size: 34, space: 26 },
      ],
      series: [
        {},
        ...families.peek().map((family) => {
          const name = `--family-${known.includes(family) ? family : 'other'}`;
          return { label: family, stroke: resolved(name, place), width: 1.5, points: { show: false } };
        }),
      ],
    },
    dataNow(),
    place,
  );
}

function dataNow(): uPlot.AlignedData {
  const first = firstStepAt();
  const times = Array.from({ length: steps }, (_, index) => (first + index * stepMs) / 1000);
  // The last step is still being counted.
  return [times.slice(0, -1), ...families.peek().map((family) => ratesOf(family).slice(0, -1))] as uPlot.AlignedData;
}

export function RateChart() {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  useSignalEffect(() => {
    void families.value;
    void theme.value;
    const { current } = box;
    if (current === null) return;
    chart.current?.destroy();
    chart.current = draw(current);
  });
  useSignalEffect(() => {
    // It moves when a step is over: more often there is nothing to see.
    if (Math.floor(now.value / 1000) % (stepMs / 1000) === 0) chart.current?.setData(dataNow());
  });
  useEffect(() => {
    const { current } = box;
    if (current === null) return undefined;
    const redraw = (): void => {
      chart.current?.destroy();
      chart.current = draw(current);
    };
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', redraw);
    const observer = new ResizeObserver(() => chart.current?.setSize({ width: current.clientWidth, height }));
    observer.observe(current);
    return () => {
      scheme.removeEventListener('change', redraw);
      observer.disconnect();
      chart.current?.destroy();
      chart.current = undefined;
    };
  }, []);
  return <div class="panel chart" ref={box} role="img" aria-label={words.events.chart} />;
}
