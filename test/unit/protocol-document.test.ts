import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { actions } from '../../src/actions/actions.ts';
import { dialects } from '../../src/dialects/dialects.ts';
import { actionErrors, closeReasons } from '../../src/errors.ts';
import { createProtocolDocument } from '../../src/protocol-document.ts';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';
import { fixture } from '../support/fixtures.ts';

type Schema = Parameters<typeof z.fromJSONSchema>[0] & object;

const document = createProtocolDocument() as { $defs: Record<string, Schema>; closeCodes: { code: number }[] };

/** Whether a message is one of a kind, by the document alone. */
function isOf(kind: string, message: unknown): boolean {
  return z.fromJSONSchema({ ...document, anyOf: [{ $ref: `#/$defs/${kind}` }] } as Schema).safeParse(message).success;
}

/** After a change of a schema: `npx vitest run -u test/unit/protocol-document.test.ts` writes the file anew. */
test('docs/protocol.json is what the server serves', async () => {
  const { address } = await startBridge();
  const response = await fetch(`${address}/protocol.json`);
  expect(response.headers.get('access-control-allow-origin')).toBe('*');
  const served = `${JSON.stringify(await response.json(), null, 2)}\n`;
  await expect(served).toMatchFileSnapshot('../../docs/protocol.json');
});

test('every action, reply, dialect, error and close code stands in it', () => {
  const kinds = Object.keys(document.$defs);
  for (const { name } of actions) expect(kinds).toEqual(expect.arrayContaining([name, `${name}.reply`]));
  for (const { name } of dialects) expect(kinds).toContain(`event.${name}`);
  for (const code of Object.keys(actionErrors)) {
    expect(isOf('error', { action: 'reply', request_id: 1, status: 'error', data: { errors: ['x'], code } })).toBe(
      true,
    );
  }
  expect(document.closeCodes.map(({ code }) => code)).toEqual(Object.values(closeReasons).map(({ code }) => code));
});

describe('what clients send', () => {
  test.each([
    ['subscribe', { action: 'subscribe', auth_token: 't', request_id: 'r', data: { binding: 'call.*.*' } }, true],
    ['subscribe', { action: 'subscribe', name: 'x', data: { bindings: ['call.*.*'], metadata: { any: 1 } } }, true],
    ['subscribe', { action: 'subscribe', data: { bindings: ['call.*.*', 5] } }, false],
    ['subscribe', { action: 'unsubscribe' }, false],
    ['unsubscribe', { action: 'unsubscribe' }, true],
    ['ping', { action: 'ping' }, true],
    ['ping', { action: 'ping', request_id: { no: 'id' } }, false],
    ['ClientMessage', { action: 'dance' }, false],
  ])('%s: %j is one: %s', (kind, message, expected) => {
    expect(isOf(kind, message)).toBe(expected);
  });
});

describe('what the server sends', () => {
  test.each(dialects.map(({ name }) => name))('replies and events, in the %s dialect', async (dialect) => {
    const bridge = await startBridge();
    const { payload } = fixture('call.CHANNEL_CREATE.json');
    const token = await tokenFor(String((payload['Custom-Channel-Vars'] as Record<string, unknown>)['Account-ID']));
    const client = await openClient(bridge, { token, path: `/?dialect=${dialect}` });
    const replies: [string, unknown][] = [
      ['subscribe.reply', await client.subscribe('call.*.*', { request_id: 'mine' })],
      ['error', await client.subscribe('dance.*')],
    ];
    await bridge.broker.publishFixture('call.CHANNEL_CREATE.json');
    const [event] = await client.untilEvents(1);
    replies.push(
      ['unsubscribe.reply', await client.unsubscribe()],
      ['ping.reply', await client.request({ action: 'ping' })],
    );
    for (const [kind, message] of [...replies, [`event.${dialect}`, event]] as const) {
      expect(isOf(kind, message), `${JSON.stringify(message)} is a ${kind}`).toBe(true);
      expect(isOf('ServerMessage', message)).toBe(true);
      expect(isOf('ClientMessage', message)).toBe(false);
    }
  });
});
