import { describe, expect, test } from 'vitest';
import { eventLine, type ShownEvent } from '../../src/cli/event-line.ts';
import { paintFor } from '../../src/cli/terminal.ts';
import type { Payload } from '../../src/families/family.ts';
import { gregorianSeconds } from '../../src/gregorian.ts';
import { normalize } from '../../src/protocol/normalized.ts';
import { kazooMessage } from '../support/kazoo-messages.ts';

const plain = paintFor(false, {});
const at = new Date(2026, 0, 1, 9, 4, 5, 6);

/** The line of a message that a Kazoo has sent, with one space where there are several. */
function lineOf(family: string, file: string, changes: Payload = {}, more: Partial<ShownEvent> = {}): string {
  const data = normalize({ ...kazooMessage(file), ...changes }) as ShownEvent['data'];
  const event = { name: String(data.event_name), family, account: 'acme', data, replayed: false, ...more };
  return eventLine(event, at, plain, false).replaceAll(/ {2,}/g, ' ');
}

test.each([
  [
    'call',
    'call.CHANNEL_ANSWER.a-leg',
    '09:04:05.006 CHANNEL_ANSWER 1001 Ana Sousa → 1002 Zoë Müller answered (inbound) ZjE5OTk.b64+a/c=@192.0.2.10',
  ],
  [
    'call',
    'call.CHANNEL_DESTROY.a-leg',
    /CHANNEL_DESTROY 1001 Ana Sousa → 1002 Zoë Müller ended after \d+:\d\d \(inbound\)/,
  ],
  ['call', 'call.PARK_PARKED', /PARK_PARKED 1001 Ana Sousa → 1002 Zoë Müller parked in 101 /],
  ['conference', 'conference.add-member', /add-member 7001: 1001 Ana Sousa a1b2/],
  ['object', 'object.doc_edited.device', /doc_edited device d509114b66efabf32dfd78dc464b46dd$/],
  ['fax', 'fax.status.outgoing-page', /fax status outgoing page 1 of 3 202611-/],
  ['notifications', 'notifications.sip.missed_call', /missed_call 1001 Ana Sousa → 1002 ZjE5/],
  ['notifications', 'notifications.sip.register', /register user_\w+ /],
])('of %s: %s is a line with who, with whom and what', (family, file, line) => {
  if (typeof line === 'string') expect(lineOf(family, file)).toBe(line);
  else expect(lineOf(family, file)).toMatch(line);
});

describe('a call', () => {
  test('that isn’t routed yet is for what was dialled', () => {
    const unknown = { 'Callee-ID-Number': undefined, 'Callee-ID-Name': undefined, Request: '1002@acme.example.com' };
    expect(lineOf('call', 'call.CHANNEL_CREATE.a-leg', unknown)).toContain('1001 Ana Sousa → 1002 ringing');
  });

  test('that ended in another way than people end it says how', () => {
    const busy = { 'Hangup-Cause': 'USER_BUSY', 'Duration-Seconds': 3 };
    expect(lineOf('call', 'call.CHANNEL_DESTROY.a-leg', busy)).toContain('ended after 0:03, USER_BUSY');
  });

  test('whose caller calls himself what a terminal would obey does no harm', () => {
    const evil = { 'Caller-ID-Name': '\u001B]0;owned\u0007\nCHANNEL_DESTROY' };
    const line = lineOf('call', 'call.CHANNEL_CREATE.a-leg', evil);
    expect(line).toContain('\\u{1b}]0;owned\\u{7}\\u{a}CHANNEL_DESTROY');
    expect(line).not.toMatch(/\p{Cc}/u);
  });

  test('that is told late says when it was', () => {
    const when = new Date(2026, 0, 1, 8, 0, 0);
    const stamp = { Timestamp: gregorianSeconds(when.getTime()) };
    expect(lineOf('call', 'call.CHANNEL_CREATE.a-leg', stamp, { replayed: true })).toMatch(/^08:00:00\.000 /);
    expect(lineOf('call', 'call.CHANNEL_CREATE.a-leg', stamp)).toMatch(/^09:04:05\.006 /);
  });
});

test.each([
  ['early', 'ringing'],
  ['confirmed', 'talking'],
  ['terminated', 'idle'],
  ['constructor', 'constructor'],
])('a lamp that is %s is %s', (state, words) => {
  const data = { presence_id: '1001@a', state, call_id: 'x' };
  const event = { name: 'dialog_update', family: 'presence', account: 'acme', data, replayed: false };
  expect(eventLine(event, at, plain, false).replaceAll(/ {2,}/g, ' ')).toBe(
    `09:04:05.006 dialog_update 1001@a ${words} x`,
  );
});

test('events of several accounts say whose they are, and those of other buses what they carry', () => {
  const event = { name: 'order_paid', family: 'orders', account: 'shop', data: { total: 12 }, replayed: false };
  expect(eventLine(event, at, plain, true).replaceAll(/ {2,}/g, ' ')).toBe('09:04:05.006 order_paid {"total":12} shop');
});

test('every event of the sources is a line, whatever is missing from it', () => {
  for (const family of ['call', 'conference', 'object', 'fax', 'presence', 'registration', 'notifications', 'other']) {
    for (const name of ['CHANNEL_DESTROY', 'PARK_PARKED', 'constructor', '']) {
      const line = eventLine({ name, family, account: 'a', data: {}, replayed: true }, at, plain, false);
      expect(line, `${family} ${name}`).toMatch(/^09:04:05\.006/);
      expect(line).not.toContain('undefined');
    }
  }
});
