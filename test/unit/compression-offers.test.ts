import { expect, test } from 'vitest';
import { offeredCompression } from '../../src/socket/compression.ts';

test.each([
  [undefined, 'none'],
  ['', 'none'],
  ['x-webkit-deflate-frame', 'none'],
  ['permessage-deflate', 'full-window'],
  ['Permessage-Deflate', 'full-window'],
  ['permessage-deflate; client_max_window_bits', 'small-window'],
  ['permessage-deflate; client_max_window_bits=15', 'full-window'],
  ['permessage-deflate; client_max_window_bits="9"', 'full-window'],
  ['permessage-deflate ; server_no_context_takeover ; client_no_context_takeover', 'full-window'],
  ['permessage-deflate; server_max_window_bits=10, permessage-deflate', 'full-window'],
  ['permessage-deflate; server_max_window_bits=10', 'none'],
  ['permessage-deflate; nonsense, permessage-deflate; client_max_window_bits', 'small-window'],
  // What RFC 7692 doesn't allow is passed over.
  ['permessage-deflate; nonsense', 'none'],
  ['permessage-deflate; client_max_window_bits=7', 'none'],
  ['permessage-deflate; client_max_window_bits=16', 'none'],
  ['permessage-deflate; client_max_window_bits=08', 'none'],
  ['permessage-deflate; client_max_window_bits=', 'none'],
  ['permessage-deflate; client_no_context_takeover=1', 'none'],
  ['permessage-deflate; client_no_context_takeover; client_no_context_takeover', 'none'],
  ['permessage-deflate; client_max_window_bits; client_max_window_bits=9', 'none'],
  ['permessage-deflate;;', 'none'],
  ['permessage-deflate;', 'none'],
  ['permessage-deflate; "', 'none'],
])('%j makes possible: %s', (header, compression) => {
  expect(offeredCompression(header)).toBe(compression);
});
