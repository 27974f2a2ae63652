/** Questions to others on the bus: how long they are waited for, and which answers count. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { createNode } from '../support/lone-node.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const answer = z.object({ Channels: z.array(z.string()) });
const question = {
  exchange: 'callevt',
  routingKey: 'call.status_req.acme',
  fields: { 'Event-Category': 'call_event', 'Event-Name': 'query_account_channels_req', 'Account-ID': 'acme' },
  read: (message: unknown) => answer.parse(message).Channels,
};

function ask(node: ReturnType<typeof createNode>, wanted: number, ms = 2000) {
  return node.cluster.asker.ask(question, { ms, enough: (answers) => answers.length >= wanted });
}

const asked = (node: ReturnType<typeof createNode>) => node.said('callevt').at(-1);
const tell = (node: ReturnType<typeof createNode>, payload: object): void =>
  node.hear({ 'Msg-ID': asked(node)?.payload['Msg-ID'], ...payload }, 'targeted', 'own-queue');

describe('a question', () => {
  test('says who asks, where to answer, and what the asker wants to know', async () => {
    const node = createNode();
    const answers = ask(node, 1);
    expect(asked(node)).toMatchObject({
      routingKey: 'call.status_req.acme',
      payload: {
        'App-Name': 'event-horizon',
        'App-Version': '1.2.3',
        Node: 'event-horizon@node',
        'Msg-ID': expect.any(String),
        'Server-ID': 'own-queue',
        'Event-Category': 'call_event',
        'Event-Name': 'query_account_channels_req',
        'Account-ID': 'acme',
      },
    });
    tell(node, { Channels: ['one'] });
    expect(await answers).toEqual({ answers: [['one']], partial: false });
  });

  test('ends with the answer that is enough; what comes later counts for nothing', async () => {
    const node = createNode();
    const answers = ask(node, 2);
    tell(node, { Channels: ['one'] });
    tell(node, { Channels: ['two'] });
    tell(node, { Channels: ['three'] });
    expect(await answers).toEqual({ answers: [['one'], ['two']], partial: false });
    tell(node, { Channels: ['four'] });
    expect(node.lines).toEqual([]);
  });

  test('is partial where its time is over first; what was answered is told', async () => {
    const node = createNode();
    const answers = ask(node, 2, 700);
    tell(node, { Channels: ['one'] });
    await vi.advanceTimersByTimeAsync(699);
    tell(node, { Channels: ['elsewhere'], 'Msg-ID': 'of another question' });
    await vi.advanceTimersByTimeAsync(1);
    expect(await answers).toEqual({ answers: [['one']], partial: true });
  });

  test('is not asked where nobody’s answer is wanted', async () => {
    const node = createNode();
    expect(await ask(node, 0)).toEqual({ answers: [], partial: false });
    expect(node.said('callevt')).toEqual([]);
  });

  test('that can’t be asked has no answers, and says so at once', async () => {
    const node = createNode();
    node.link.isBlocked = true;
    expect(await ask(node, 1)).toEqual({ answers: [], partial: true });
    expect(node.lines[0]).toMatchObject({ fields: { reason: 'the broker takes no messages now' } });
    node.link.isUp = false;
    expect(await ask(node, 1)).toEqual({ answers: [], partial: true });
  });

  test('is not answered by what is no answer to it', async () => {
    const node = createNode();
    const answers = ask(node, 1);
    tell(node, { Channels: 'none' });
    expect(node.lines[0]?.fields.reason).toMatch(/^Channels: /);
    tell(node, { Channels: [] });
    expect(await answers).toEqual({ answers: [[]], partial: false });
  });

  test('beyond a thousand under way is not asked: that many wait in vain already', async () => {
    const node = createNode();
    const waiting = Array.from({ length: 1000 }, () => ask(node, 1));
    expect(await ask(node, 1)).toEqual({ answers: [], partial: true });
    expect(node.said('callevt')).toHaveLength(1000);
    await vi.advanceTimersByTimeAsync(2000);
    await Promise.all(waiting);
    const next = ask(node, 1);
    tell(node, { Channels: [] });
    expect(await next).toEqual({ answers: [[]], partial: false });
  });
});
