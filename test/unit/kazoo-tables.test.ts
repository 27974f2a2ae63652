/** The tables of docs/KAZOO.md: what becomes of every binding and action that Blackhole has. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { type Client, openClient } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';

const text = readFileSync('docs/KAZOO.md', 'utf8');

interface Row {
  readonly name: string;
  /** `yes`, or the code of the error. */
  readonly outcome: string;
}

/** Rows of a section's table: the name in the first column, what becomes of it here in the third. */
function rowsOf(heading: string): Row[] {
  const section = text.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  return [...section.matchAll(/^\| `([^`]+)` \|[^|]*\| (?:(yes)|no: `(\w+)`) \|/gm)].map(
    ([, name = '', yes, code = '']) => ({
      name,
      outcome: yes ?? code,
    }),
  );
}

const eventOf: Readonly<Record<string, string>> = { call: 'CHANNEL_HOLD', conference: 'add-member' };

/** A binding as a client would send it, each `{X}` with a value. */
function sent(binding: string): string {
  const [root = ''] = binding.split('.');
  const values: Readonly<Record<string, string>> = {
    EVENT: eventOf[root] ?? '',
    ACTION: 'doc_edited',
    TYPE: 'device',
    CATEGORY: 'sip',
    STREAM_EVENT: 'start',
    LIVE_EVENT: 'chat',
  };
  return binding.replaceAll(/\{(\w+)\}/g, (_all, name: string) => values[name] ?? 'x1');
}

async function openAcme(): Promise<Client> {
  const accounts = await useAccountsFile([{ id: 'acme', realm: 'acme.example.com' }]);
  const bridge = await startBridge({ ACCOUNTS_FILE: accounts.path });
  return openClient(bridge, { token: await tokenFor('acme') });
}

test('every binding is taken or refused as the table says, and all that is taken is there', async () => {
  const rows = rowsOf('Every binding');
  expect(rows.length).toBeGreaterThan(20);
  const client = await openAcme();
  for (const { name, outcome } of rows) {
    const { status, data } = await client.subscribe(sent(name));
    expect(status === 'success' ? 'yes' : data.code, sent(name)).toBe(outcome);
  }
});

/** What Kazoo's Blackholes say themselves that they offer. */
const { offered } = JSON.parse(readFileSync('test/fixtures/kazoo/index.json', 'utf8')) as {
  offered: Record<string, Record<string, string[]>>;
};

test.each(Object.entries(offered))('the table has all that the Blackhole of %s lists', (_version, families) => {
  const forms = rowsOf('Every binding').map(
    ({ name }) => new RegExp(`^${name.replaceAll('*', '\\*').replaceAll(/\{\w+\}/g, '[^.]+')}$`),
  );
  for (const [family, bindings] of Object.entries(families)) {
    for (const binding of bindings) {
      // Kazoo lists presence without the word that a client must send.
      const full = family === 'presence' ? `presence.${binding}` : binding;
      expect(
        forms.some((form) => form.test(full.replace('{CALL_ID}.', '*.'))),
        full,
      ).toBe(true);
    }
  }
});

test('every action is served or refused as the table says', async () => {
  const rows = rowsOf('Every action');
  expect(rows).toHaveLength(6);
  const client = await openAcme();
  for (const { name, outcome } of rows) {
    const data = { binding: 'call.*.*', endpoint: '/v2/about' };
    const { status, data: answer } = await client.request({ action: name, auth_token: await tokenFor('acme'), data });
    expect(status === 'success' ? 'yes' : answer.code, name).toBe(outcome);
  }
});
