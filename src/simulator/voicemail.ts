/**
 * Voicemail: what callers leave, and people listen to and delete. Each change of a box changes its lamp, and is told of
 * as a document, as a lamp (`mwi_updates` on `presence`) and as a notification.
 */
import { encodeWord } from '../families/routing-key.ts';
import { gregorianSeconds } from '../gregorian.ts';
import type { DisplayId } from './channel.ts';
import type { Archive, StoredDocument } from './documents.ts';
import { answerFields, databaseField, notify } from './notifications.ts';
import type { Office, Person } from './office.ts';
import { type Fields, publishers, type Script, type Stage } from './stage.ts';

/** What somebody said to voicemail. */
export interface Message {
  readonly person: Person;
  readonly from: DisplayId;
  readonly callId: string;
  readonly lengthMs: number;
}

interface StoredMessage extends Message {
  readonly document: StoredDocument;
  /** Unix time, ms. */
  readonly leftAt: number;
}

/** A person's mailbox as it stands. */
export interface Mailbox {
  readonly person: Person;
  readonly fresh: StoredMessage[];
  readonly saved: StoredMessage[];
}

/** The mailboxes of an account. */
export interface Voicemail {
  readonly boxes: readonly Mailbox[];
  /** Files the message after a moment. */
  leave(message: Message): void;
}

/** What a box holds; the demo's are small, so that one is full now and then. */
const mostMessages = 3;

/** Plays what people do with their messages for as long as the stage lasts. */
export function playVoicemail(stage: Stage, office: Office, archive: Archive): Voicemail {
  const { account, random } = stage;
  const boxes: Mailbox[] = office.people.map((person) => ({ person, fresh: [], saved: [] }));

  function* filed(message: Message): Script {
    const leftAt = stage.now();
    yield random.between(300, 900);
    const box = boxes.find(({ person }) => person === message.person);
    if (box === undefined || countOf(box) === mostMessages) return;
    const stored = { ...message, leftAt, document: archive.create('mailbox_message') };
    box.fresh.push(stored);
    showLamp(box);
    notify(stage, publishers.callflow, 'voicemail.new', 'voicemail_new', {
      ...describe(stored),
      ...answerFields(message.callId),
    });
    if (countOf(box) === mostMessages) warnOfFull(box);
  }

  function* visits(): Script {
    for (;;) {
      yield random.between(8000, 20_000);
      const waiting = boxes.filter(({ person, fresh }) => fresh.length > 0 && !office.engaged.has(person.id));
      if (waiting.length > 0) listen(random.pick(waiting));
      const keeping = boxes.filter(({ person, saved }) => saved.length > 1 && !office.engaged.has(person.id));
      if (keeping.length > 0 && random.chance(0.15)) tidy(random.pick(keeping));
    }
  }

  /** Somebody listens to their oldest new message, and keeps it. */
  function listen(box: Mailbox): void {
    const heard = box.fresh.shift();
    if (heard === undefined) return;
    box.saved.push(heard);
    archive.edit(heard.document);
    showLamp(box);
    notify(stage, publishers.callflow, 'voicemail.saved', 'voicemail_saved', describe(heard));
  }

  /** Somebody deletes what they kept longest. */
  function tidy(box: Mailbox): void {
    const old = box.saved.shift();
    if (old === undefined) return;
    archive.remove(old.document);
    showLamp(box);
  }

  function showLamp({ person, fresh, saved }: Mailbox): void {
    const address = `${person.extension}@${account.realm}`;
    const routingKey = `mwi_updates.${encodeWord(account.realm)}.${encodeWord(person.extension)}`;
    stage.publish(publishers.callflow, 'presence', routingKey, {
      'Event-Category': 'presence',
      'Event-Name': 'mwi_update',
      'Call-ID': person.manualPresenceId,
      'Presence-ID': address,
      From: `sip:${address}`,
      'From-User': person.extension,
      'From-Realm': account.realm,
      To: `sip:${address}`,
      'To-User': person.extension,
      'To-Realm': account.realm,
      'Message-Account': `sip:${address}`,
      'Messages-Waiting': fresh.length > 0 ? 'yes' : 'no',
      'Messages-New': fresh.length,
      'Messages-Saved': saved.length,
      'Messages-Urgent': 0,
      'Messages-Urgent-Saved': 0,
    });
  }

  function warnOfFull(box: Mailbox): void {
    notify(stage, publishers.callflow, 'voicemail.full', 'voicemail_full', {
      'Voicemail-Box': box.person.mailboxId,
      'Message-Count': countOf(box),
      'Max-Message-Count': mostMessages,
      ...answerFields(random.hex(16)),
    });
  }

  const describe = ({ person, from, callId, lengthMs, document, leftAt }: StoredMessage): Fields => ({
    ...databaseField(stage),
    'Call-ID': callId,
    'Caller-ID-Name': from.name,
    'Caller-ID-Number': from.number,
    'From-User': from.number,
    'From-Realm': account.realm,
    'To-User': person.extension,
    'To-Realm': account.realm,
    'Voicemail-Box': person.mailboxId,
    'Voicemail-ID': document.id,
    'Voicemail-Length': lengthMs,
    'Voicemail-Timestamp': gregorianSeconds(leftAt),
  });

  stage.play(visits());
  return { boxes, leave: (message) => stage.play(filed(message)) };
}

const countOf = ({ fresh, saved }: Mailbox): number => fresh.length + saved.length;
