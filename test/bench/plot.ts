/** The burst's figures as a bar chart, in SVG that reads on light and dark pages. */
import type { Figures } from './report.ts';
import { shown } from './statistics.ts';

const barHeight = 26;
const labelWidth = 230;
const chartWidth = 420;

export function plot(figures: Figures): string {
  const [table] = figures.tables.burst ?? [];
  const bars = (table?.rows ?? [])
    .map(({ name, values }) => ({ name, value: Number(values[0]) }))
    .sort((a, b) => b.value - a.value);
  const largest = Math.max(1, ...bars.map(({ value }) => value));
  const height = 60 + bars.length * (barHeight + 8);
  const drawn = bars.map(({ name, value }, index) => {
    const y = 50 + index * (barHeight + 8);
    const width = Math.round((value / largest) * chartWidth);
    const colour = name.startsWith('Event Horizon') ? '#2f6fdd' : name.startsWith('limit') ? '#8a8f98' : '#c2703d';
    return [
      `<text x="${labelWidth - 10}" y="${y + 18}" text-anchor="end">${name}</text>`,
      `<rect x="${labelWidth}" y="${y}" width="${width}" height="${barHeight}" rx="3" fill="${colour}"/>`,
      `<text x="${labelWidth + width + 8}" y="${y + 18}">${shown(Math.round(value))}</text>`,
    ].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${labelWidth + chartWidth + 110} ${height}" font-family="system-ui, sans-serif" font-size="13">
<style>text { fill: #1f2328 } @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }</style>
<text x="12" y="26" font-size="16" font-weight="600">Deliveries a second, bursts of 1.4 kB events to 500 sockets</text>
${drawn.join('\n')}
</svg>
`;
}
