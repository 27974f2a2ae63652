/**
 * The account's documents: users, devices, mailboxes, callflows and voicemail messages, as somebody edits them all day
 * long. Only what exists is edited or deleted, and what the calls need is never deleted. Published on `configuration`.
 */

import { databaseWord, encodeWord } from '../families/routing-key.ts';
import { gregorianSeconds } from '../gregorian.ts';
import type { DisplayId } from './channel.ts';
import { type Draft, firstDocuments, newDocument, toggles } from './document-bodies.ts';
import type { Office, Person } from './office.ts';
import type { Fields, Script, Stage } from './stage.ts';

interface Document extends Draft {
  body: Fields;
  /** Grows by one with each change. */
  revision: number;
  /** Unix time, ms. */
  readonly createdAt: number;
  /** `YYYYMM` for documents of the monthly database. */
  readonly month: string | undefined;
  /** Calls are made with it. */
  readonly isLasting: boolean;
}

/** What somebody said to voicemail. */
export interface Message {
  readonly person: Person;
  readonly from: DisplayId;
  readonly callId: string;
  readonly lengthMs: number;
}

/** Where other scenarios leave documents. */
export interface Archive {
  /** Publishes the message's document after a moment. */
  leaveMessage(message: Message): void;
}

/** More documents than these that came in the course of the play are deleted again. */
const mostPassing = 8;

/** Plays changes of documents for as long as the stage lasts. */
export function playDocuments(stage: Stage, office: Office): Archive {
  const { account, random } = stage;
  const documents: Document[] = firstDocuments(office, random).map((draft) => ({
    ...draft,
    revision: random.between(1, 9),
    createdAt: stage.now() - random.between(1, 400) * 86_400_000,
    month: undefined,
    isLasting: true,
  }));

  function* changes(): Script {
    yield random.between(1500, 4000);
    for (;;) {
      change();
      yield random.between(4000, 9000);
    }
  }

  function change(): void {
    const passing = documents.filter(({ isLasting }) => !isLasting);
    if (passing.length > 0 && (passing.length > mostPassing || random.chance(0.2))) remove(random.pick(passing));
    else if (random.chance(0.3)) create(newDocument(office, random));
    else edit(random.pick(documents));
  }

  function create(draft: Draft): void {
    const isMonthly = draft.type === 'mailbox_message';
    const document: Document = {
      ...draft,
      revision: 1,
      createdAt: stage.now(),
      month: isMonthly ? monthOf(stage.now()) : undefined,
      isLasting: false,
    };
    documents.push(document);
    publish('doc_created', document);
  }

  function edit(document: Document): void {
    const field = toggles[document.type];
    document.body = { ...document.body, [field]: document.body[field] !== true };
    document.revision += 1;
    publish('doc_edited', document);
  }

  function remove(document: Document): void {
    documents.splice(documents.indexOf(document), 1);
    document.revision += 1;
    publish('doc_deleted', document);
  }

  function publish(action: string, document: Document): void {
    const { type, id, month } = document;
    const suffix = month === undefined ? '' : `-${month}`;
    const database = `${databaseWord(account.id)}${suffix}`;
    stage.publish('configuration', `${action}.${database}.${type}.${encodeWord(id)}`, {
      'App-Name': type === 'mailbox_message' ? 'voicemail' : 'crossbar',
      'Event-Category': 'configuration',
      'Event-Name': action,
      'Account-ID': account.id,
      Database: database,
      'Date-Created': gregorianSeconds(document.createdAt),
      'Date-Modified': gregorianSeconds(stage.now()),
      ID: id,
      'Is-Soft-Deleted': action === 'doc_deleted',
      Rev: `${document.revision}-${random.hex(32)}`,
      Type: type,
      Version: '1',
      Doc: { id, ...document.body },
    });
  }

  function* filed({ person, from, callId, lengthMs }: Message): Script {
    const leftAt = stage.now();
    yield random.between(300, 900);
    const { mailboxId, extension } = person;
    create({
      type: 'mailbox_message',
      id: `${monthOf(stage.now())}-${random.hex(32)}`,
      body: {
        name: `mailbox ${extension} message`,
        source_id: mailboxId,
        owner_id: person.id,
        metadata: {
          call_id: callId,
          caller_id_name: from.name,
          caller_id_number: from.number,
          from: `${from.number}@${account.realm}`,
          to: `${extension}@${account.realm}`,
          length: lengthMs,
          timestamp: gregorianSeconds(leftAt),
        },
        is_saved: false,
      },
    });
  }

  stage.play(changes());
  return { leaveMessage: (message) => stage.play(filed(message)) };
}

/** `YYYYMM` in UTC, which is how the monthly databases are named. */
const monthOf = (unixMs: number): string => new Date(unixMs).toISOString().slice(0, 7).replace('-', '');
