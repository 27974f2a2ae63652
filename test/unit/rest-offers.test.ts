import { describe, expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';
import { callEvents, notifications } from '../support/offers.ts';
import { rest } from '../support/rest.ts';

const families = ['call', 'conference', 'fax', 'notifications', 'object', 'presence', 'registration'];

describe('GET /v2/websockets', () => {
  test('classic: a family has {binding, event} pairs; no token is needed', async () => {
    const { body } = await rest(await startBridge(), '/v2/websockets');
    const data = body.data as Record<string, { binding: string; event: string }[]>;
    expect(Object.keys(data).sort()).toEqual(families);
    expect(data.call).toEqual(callEvents.map((event) => ({ binding: `call.${event}.*`, event })));
    expect(data.object).toContainEqual({ binding: 'doc_edited.*.user.*', event: 'doc_edited_user' });
    for (const offers of Object.values(data)) {
      expect(offers.length).toBeGreaterThan(0);
      for (const offer of offers) expect(offer).toEqual({ binding: expect.any(String), event: expect.any(String) });
    }
  });

  test('kazoo4: a family has bindings with their placeholders', async () => {
    const { body } = await rest(await startBridge(), '/v2/websockets?dialect=kazoo4');
    const data = body.data as Record<string, string[]>;
    expect(Object.keys(data).sort()).toEqual(families);
    expect(data.call).toContain('call.CHANNEL_CREATE.{CALL_ID}');
    expect(data.conference).toContain('conference.command.{CONFERENCE_ID}');
    expect(data.object).toContain('object.doc_edited.user');
    expect(data.fax).toEqual(['fax.status.{FAX_ID}', 'fax.object.{ACTION}']);
    expect(data.registration).toEqual(['registration.success.{USERNAME}']);
    expect(data.notifications).toEqual([
      'notifications.{CATEGORY}.{NAME}',
      ...notifications.map((name) => `notifications.${name}`),
    ]);
    expect(data.conference).toContain('conference.event.{CONFERENCE_ID}.{CALL_ID}.{EVENT}');
    expect(data.presence).toEqual([
      'presence.dialog.{CALL_ID}',
      'presence.update.{CALL_ID}',
      'presence.mwi_updates.{USER}',
    ]);
  });

  test('CALL_EVENTS, DOC_TYPES and NOTIFICATION_EVENTS decide what is offered', async () => {
    const bridge = await startBridge({
      CALL_EVENTS: 'CHANNEL_CREATE,DTMF',
      DOC_TYPES: 'user',
      NOTIFICATION_EVENTS: 'port.comment',
    });
    expect((await rest(bridge, '/v2/websockets')).body.data).toMatchObject({
      call: [
        { binding: 'call.CHANNEL_CREATE.*', event: 'CHANNEL_CREATE' },
        { binding: 'call.DTMF.*', event: 'DTMF' },
      ],
      object: ['doc_created', 'doc_edited', 'doc_deleted'].map((action) => ({
        binding: `${action}.*.user.*`,
        event: `${action}_user`,
      })),
      notifications: [
        { binding: 'notifications.*.*', event: '*' },
        { binding: 'notifications.port.comment', event: 'comment' },
      ],
    });
  });

  test.each(['classic', 'kazoo4'])('what is offered in %s can be subscribed to', async (dialect) => {
    const { path } = await useAccountsFile([{ id: 'acme', realm: 'acme.example.com' }]);
    const bridge = await startBridge({ ACCOUNTS_FILE: path, MAX_BINDINGS_PER_SOCKET: '1000' });
    const { body } = await rest(bridge, `/v2/websockets?dialect=${dialect}`);
    const offers = Object.values(body.data as Record<string, (string | { binding: string })[]>).flat();
    const bindings = offers.map((offer) => (typeof offer === 'string' ? offer : offer.binding));
    const client = await openClient(bridge, { token: await tokenFor('acme') });
    const asked = [...new Set(bindings.map((binding) => binding.replaceAll(/\{\w+\}/g, '*')))];
    const reply = await client.subscribe(asked);
    expect(reply.data.errors).toBeUndefined();
    expect(reply.data.subscribed).toEqual(asked);
  });
});

describe('REST bodies follow the dialect', () => {
  test('DIALECT is the default, ?dialect= on the request wins', async () => {
    const bridge = await startBridge({ DIALECT: 'kazoo4' });
    const kazoo4 = { call: expect.arrayContaining(['call.CHANNEL_CREATE.{CALL_ID}']) };
    const classic = { call: expect.arrayContaining([{ binding: 'call.CHANNEL_CREATE.*', event: 'CHANNEL_CREATE' }]) };
    expect((await rest(bridge, '/v2/websockets')).body.data).toMatchObject(kazoo4);
    expect((await rest(bridge, '/v2/websockets?dialect=kazoo4')).body.data).toMatchObject(kazoo4);
    expect((await rest(bridge, '/v2/websockets?dialect=classic')).body.data).toMatchObject(classic);
  });

  test('another value is a bad request', async () => {
    const bridge = await startBridge();
    for (const value of ['', 'Classic', 'classic&dialect=kazoo4']) {
      expect((await rest(bridge, `/v2/websockets?dialect=${value}`)).status).toBe(400);
    }
  });
});
