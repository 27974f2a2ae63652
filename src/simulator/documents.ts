/**
 * The account's documents: users, devices, mailboxes, callflows and the rest, as somebody edits them all day long. Only
 * what exists is edited or deleted, and what the calls need is never deleted. Published on `configuration`. As with Kazoo,
 * an event names its document and doesn't carry it.
 */
import { databaseWord, encodeWord } from '../families/routing-key.ts';
import { gregorianSeconds } from '../gregorian.ts';
import type { Office } from './office.ts';
import { monthOf, publishers, type Script, type Stage } from './stage.ts';

/** What an administrator edits, and what the calls leave behind. */
export type DocumentType =
  | 'user'
  | 'device'
  | 'vmbox'
  | 'callflow'
  | 'media'
  | 'faxbox'
  | 'account'
  | 'fax'
  | 'mailbox_message'
  | 'call_recording';

/** A document as it stands. */
export interface StoredDocument {
  readonly type: DocumentType;
  readonly id: string;
  /** Grows by one with each change. */
  revision: number;
  /** Unix time, ms. */
  readonly createdAt: number;
  /** `YYYYMM` for documents of the monthly database. */
  readonly month: string | undefined;
}

/** Where the scenarios keep documents. Each of these publishes its event at once, `newId` excepted. */
export interface Archive {
  newId(type: DocumentType): string;
  create(type: DocumentType, id?: string): StoredDocument;
  edit(document: StoredDocument): void;
  remove(document: StoredDocument): void;
}

const monthlyTypes: readonly DocumentType[] = ['fax', 'mailbox_message', 'call_recording'];
/** What an administrator adds, and takes away again. */
const passingTypes = ['user', 'device', 'callflow', 'media'] as const;
/** More documents than these that came in the course of the play are deleted again. */
const mostPassing = 8;

/** Plays changes of documents for as long as the stage lasts. */
export function playDocuments(stage: Stage, office: Office): Archive {
  const { account, random } = stage;
  const passing: StoredDocument[] = [];
  const lasting = lastingDocuments();

  function lastingDocuments(): StoredDocument[] {
    const stored = (type: DocumentType, id: string): StoredDocument => ({
      type,
      id,
      revision: random.between(1, 9),
      createdAt: stage.now() - random.between(1, 400) * 86_400_000,
      month: undefined,
    });
    return [
      stored('account', account.id),
      stored('faxbox', office.faxboxId),
      ...office.people.flatMap(({ id, devices, mailboxId }) => [
        stored('user', id),
        ...devices.map((device) => stored('device', device.id)),
        stored('vmbox', mailboxId),
        stored('callflow', random.hex(32)),
      ]),
    ];
  }

  function* changes(): Script {
    yield random.between(1500, 4000);
    for (;;) {
      change();
      yield random.between(4000, 9000);
    }
  }

  function change(): void {
    if (passing.length > 0 && (passing.length > mostPassing || random.chance(0.2))) {
      const document = random.pick(passing);
      passing.splice(passing.indexOf(document), 1);
      remove(document);
    } else if (random.chance(0.3)) {
      passing.push(create(random.pick(passingTypes)));
    } else {
      edit(random.pick([...lasting, ...passing]));
    }
  }

  const monthFor = (type: DocumentType): string | undefined =>
    monthlyTypes.includes(type) ? monthOf(stage.now()) : undefined;

  function newId(type: DocumentType): string {
    const month = monthFor(type);
    return month === undefined ? random.hex(32) : `${month}-${random.hex(32)}`;
  }

  function create(type: DocumentType, id = newId(type)): StoredDocument {
    const document = { type, id, revision: 1, createdAt: stage.now(), month: monthFor(type) };
    publish('doc_created', document);
    return document;
  }

  function edit(document: StoredDocument): void {
    document.revision += 1;
    publish('doc_edited', document);
  }

  function remove(document: StoredDocument): void {
    document.revision += 1;
    publish('doc_deleted', document);
  }

  function publish(action: string, { type, id, month, revision, createdAt }: StoredDocument): void {
    const database = `${databaseWord(account.id)}${month === undefined ? '' : `-${month}`}`;
    stage.publish(publishers.datamgr, 'configuration', `${action}.${database}.${type}.${encodeWord(id)}`, {
      'Event-Category': 'configuration',
      'Event-Name': action,
      'Account-ID': account.id,
      Database: database,
      // Kazoo has these two the wrong way round.
      'Date-Created': gregorianSeconds(stage.now()),
      'Date-Modified': gregorianSeconds(createdAt),
      ID: id,
      'Is-Soft-Deleted': action === 'doc_deleted',
      'Origin-Cache': 'kazoo_data_cache',
      Rev: `${revision}-${random.hex(32)}`,
      Type: type,
    });
  }

  stage.play(changes());
  return { newId, create, edit, remove };
}
