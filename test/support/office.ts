/** A small office on a test's broker: says what happens to its calls, and answers which there are, as a media node does. */
import { type FakeMediaNode, type Fields, type MediaBroker, startMediaNode } from './media-node.ts';

export interface Office {
  readonly node: FakeMediaNode;
  /** Publishes an event of a leg, and keeps in mind what is to be answered of it. */
  say(event: string, leg: Fields, more?: Fields): Promise<void>;
  /** Ends a leg: nobody is told. */
  forget(callId: string): void;
  /** Takes a leg in without telling anybody. */
  begin(leg: Fields, more?: Fields): void;
}

/** Ana, who calls, and Bruno, who is called: the two legs of one call. */
export const ana = {
  'Call-ID': 'ana-1',
  'Call-Direction': 'inbound',
  'Other-Leg-Call-ID': 'bruno-1',
  'Caller-ID-Name': 'Ana Sousa',
  'Caller-ID-Number': '1001',
  'Callee-ID-Name': 'Bruno Keller',
  'Callee-ID-Number': '1002',
  'Presence-ID': '1001@office.example.com',
} as const;
export const bruno = {
  ...ana,
  'Call-ID': 'bruno-1',
  'Call-Direction': 'outbound',
  'Other-Leg-Call-ID': 'ana-1',
  'Presence-ID': '1002@office.example.com',
} as const;

/** Seconds since the year 0. */
function gregorianNow(): number {
  return Math.floor(Date.now() / 1000) + 62_167_219_200;
}

export async function startOffice(broker: MediaBroker, account: string): Promise<Office> {
  const legs = new Map<string, Fields>();

  function shortForm(leg: Fields): Fields {
    const { 'Call-ID': uuid, 'Call-Direction': direction, 'Other-Leg-Call-ID': other_leg } = leg;
    const { answered = false, onHold = false, seconds = 60 } = leg;
    const timestamp = gregorianNow() - Number(seconds);
    const own = { uuid, account_id: account, direction, answered, is_onhold: onHold, elapsed_s: seconds, timestamp };
    return { ...own, ...(other_leg !== undefined && { other_leg }) };
  }

  function longForm(leg: Fields): Fields {
    const { answered, onHold, seconds = 60, ...fields } = leg;
    return {
      ...fields,
      'Account-ID': account,
      Answered: answered === true,
      'Elapsed-Seconds': seconds,
      Timestamp: gregorianNow() - Number(seconds),
      'Custom-Channel-Vars': { 'Account-ID': account },
    };
  }

  const node = await startMediaNode(broker, 'one@a', (question) => {
    switch (question['Event-Name']) {
      case 'query_account_channels_req':
        return {
          'Event-Category': 'call_event',
          'Event-Name': 'query_account_channels_resp',
          Channels: [...legs.values()].map(shortForm),
        };
      case 'query_channels_req': {
        const id = String(question['Call-ID']);
        const leg = legs.get(id);
        return {
          'Event-Category': 'call_event',
          'Event-Name': 'query_channels_resp',
          Channels: leg === undefined ? {} : { [id]: longForm(leg) },
        };
      }
      case 'search_req':
        return { 'Event-Category': 'conference', 'Event-Name': 'search_resp', 'Account-ID': account, Conferences: {} };
      default:
        return { 'Event-Category': 'directory', 'Event-Name': 'reg_query_resp', Fields: [] };
    }
  });

  return {
    node,
    async say(event, leg, more = {}) {
      const id = String(leg['Call-ID']);
      const known = legs.get(id) ?? leg;
      const isAnswered = known.answered === true || event === 'CHANNEL_ANSWER' || event === 'CHANNEL_BRIDGE';
      const onHold = event === 'CHANNEL_HOLD' || (known.onHold === true && event !== 'CHANNEL_UNHOLD');
      if (event === 'CHANNEL_DESTROY') legs.delete(id);
      else legs.set(id, { ...known, ...leg, answered: isAnswered, onHold, seconds: 1 });
      await broker.publish('callevt', `call.${event}.${id}`, {
        'Event-Category': 'call_event',
        'Event-Name': event,
        'Account-ID': account,
        'Custom-Channel-Vars': { 'Account-ID': account },
        Timestamp: gregorianNow(),
        ...leg,
        ...more,
      });
    },
    forget: (callId) => void legs.delete(callId),
    begin: (leg, more = {}) => void legs.set(String(leg['Call-ID']), { ...leg, ...more }),
  };
}
