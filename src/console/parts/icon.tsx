/** The console's pictograms: strokes in the colour of the text. They say nothing that words beside them don't. */

const paths = {
  calls:
    'M6.6 3.5 9 3l2 5-2 1.5a11 11 0 0 0 5.5 5.5L16 13l5 2-.5 2.4a3 3 0 0 1-3.2 2.4A15.5 15.5 0 0 1 4.2 6.7a3 3 0 0 1 2.4-3.2Z',
  people:
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Zm-6 9c0-3.3 2.7-6 6-6s6 2.7 6 6M16 4.6a3.5 3.5 0 0 1 0 6M17.5 14.4c2.1.8 3.5 2.9 3.5 5.6',
  conferences:
    'M12 4a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM4.5 13a2 2 0 1 0 0-.01M19.5 13a2 2 0 1 0 0-.01M6 20c0-3.3 2.7-6 6-6s6 2.7 6 6',
  events: 'M3 12h4l3-8 4 16 3-8h4',
  sockets: 'M4 7h10m3 0h3M4 12h4m3 0h9M4 17h12m3 0h1',
  developer: 'm8 7-5 5 5 5m8-10 5 5-5 5m-3-13-2 16',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14Zm5-2 5 5',
  bell: 'M6 16V11a6 6 0 1 1 12 0v5l1.5 2h-15L6 16Zm4 4.5h4',
  close: 'm6 6 12 12M18 6 6 18',
  inbound: 'M18 6 6 18m0-8v8h8',
  outbound: 'M6 18 18 6m-8 0h8v8',
  internal: 'M4 9h14l-4-4m6 10H6l4 4',
  table: 'M4 6h16M4 12h16M4 18h16',
  cards: 'M4 4h7v7H4V4Zm9 0h7v7h-7V4ZM4 13h7v7H4v-7Zm9 0h7v7h-7v-7Z',
  lock: 'M7 11V8a5 5 0 0 1 10 0v3M5 11h14v9H5v-9Z',
  muted: 'M9 9v-3a3 3 0 0 1 6 0v5m-1 2.6A3 3 0 0 1 9 12m-4 0a7 7 0 0 0 11 5m3-5a7 7 0 0 1-.6 2.8M12 19v3M4 4l16 16',
  talking: 'M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3Zm-7 9a7 7 0 0 0 14 0m-7 7v3',
  deaf: 'M8 10a4 4 0 0 1 8 0c0 3-3 3.5-3 6.5a2.5 2.5 0 0 1-4.5 1.5M4 4l16 16',
  voicemail: 'M6.5 16a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Zm11 0a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Zm-11 0h11',
  ringing: 'M6 16V11a6 6 0 1 1 12 0v5l1.5 2h-15L6 16ZM3 8a6 6 0 0 1 2.5-4.5M21 8a6 6 0 0 0-2.5-4.5M10 20.5h4',
  held: 'M8 5v14M16 5v14',
  parked: 'M8 20V4h5a4.5 4.5 0 0 1 0 9H8',
  ended: 'M3 14c5-5 13-5 18 0l-2.5 3-3.5-1.5v-3a11 11 0 0 0-6 0v3L5.5 17 3 14Z',
  settings:
    'M4 7h9m5 0h2M4 17h2m5 0h9M15.5 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Zm-7 10a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z',
  star: 'm12 4 2.4 5 5.600.7-4 3.9 1 5.4-5-2.7-5 2.7 1-5.4-4-3.9 5.600-.7L12 4Z',
  arrow: 'm9 5 7 7-7 7',
  available: 'm5 12.5 4.5 4.5L19 7.5',
  away: 'M5 12h14',
  busy: 'M6.6 3.5 9 3l2 5-2 1.5a11 11 0 0 0 5.5 5.5L16 13l5 2-.5 2.4a3 3 0 0 1-3.2 2.4A15.5 15.5 0 0 1 4.2 6.7a3 3 0 0 1 2.4-3.2Z',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
