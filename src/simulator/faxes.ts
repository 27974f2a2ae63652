/**
 * Faxes: a job every half a minute, in or out, page by page to its end or to an error. Its state is told on `faxes`, its
 * document changes in the monthly database, and a notification says that one went out.
 */
import { encodeWord } from '../families/routing-key.ts';
import type { Archive } from './documents.ts';
import { answerFields, databaseField, notify } from './notifications.ts';
import { type Office, outsider } from './office.ts';
import { type Fields, publishers, type Script, type Stage } from './stage.ts';

/** What is told of a job; the states are Kazoo's. */
interface Progress {
  readonly state: 'start' | 'send' | 'receive' | 'end' | 'error';
  readonly status: string;
  readonly page: number;
  readonly more?: Fields;
}

/** Plays faxes for as long as the stage lasts. */
export function playFaxes(stage: Stage, office: Office, archive: Archive): void {
  const { account, random } = stage;

  function* jobs(): Script {
    yield random.between(4000, 12_000);
    for (;;) {
      yield* random.chance(0.6) ? outgoing() : incoming();
      yield random.between(15_000, 40_000);
    }
  }

  function* outgoing(): Script {
    const to = outsider(random);
    const pages = random.between(1, 4);
    const document = archive.create('fax');
    const tell = (progress: Progress): void => publishStatus('outgoing', document.id, progress);
    yield random.between(500, 1500);
    tell({ state: 'start', status: 'job acquired', page: 1 });
    yield random.between(2000, 5000);
    if (random.chance(0.25)) {
      tell({ state: 'error', status: 'USER_BUSY', page: 1 });
      archive.edit(document);
      return;
    }
    for (let page = 1; page <= pages; page += 1) {
      const status = `page ${page} of ${pages}`;
      tell({ state: 'send', status, page, more: { 'Fax-Info': pageFields(page, pages) } });
      yield random.between(1500, 4000);
    }
    tell({ state: 'end', status: 'Fax Successfully sent', page: pages });
    archive.edit(document);
    const callId = random.hex(20);
    notify(stage, publishers.fax, 'fax.outbound', 'outbound_fax', {
      ...databaseField(stage),
      'Call-ID': callId,
      'Callee-ID-Name': to.name,
      'Callee-ID-Number': to.number,
      'Caller-ID-Name': account.name,
      'Caller-ID-Number': office.mainNumber,
      'Fax-ID': document.id,
      'Fax-JobId': document.id,
      'FaxBox-ID': office.faxboxId,
      'Fax-Info': {
        'Fax-Hangup-Code': 200,
        'Fax-Hangup-Cause': 'NORMAL_CLEARING',
        'Fax-Success': true,
        'Fax-Total-Pages': String(pages),
      },
      'Fax-Notifications': { email: { send_to: [] } },
      ...answerFields(callId),
    });
  }

  function* incoming(): Script {
    const from = outsider(random);
    const jobId = archive.newId('fax');
    const more: Fields = {
      'Caller-ID-Name': from.name,
      'Caller-ID-Number': from.number,
      'Callee-ID-Name': account.name,
      'Callee-ID-Number': office.mainNumber,
    };
    const tell = (progress: Progress): void =>
      publishStatus('incoming', jobId, { ...progress, more: { ...progress.more, ...more } });
    for (let left = random.between(1, 3), page = 0; left > 0; left -= 1, page += 1) {
      yield random.between(1500, 4000);
      tell({ state: 'receive', status: 'page received', page });
    }
    yield random.between(500, 1500);
    tell({ state: 'end', status: 'Fax Successfully received', page: 0 });
    archive.create('fax', jobId);
  }

  function publishStatus(direction: 'incoming' | 'outgoing', jobId: string, { state, status, page, more }: Progress) {
    const routingKey = `fax.status.${encodeWord(account.id)}.${encodeWord(jobId)}`;
    stage.publish(publishers.fax, 'faxes', routingKey, {
      'Event-Category': 'fax',
      'Event-Name': 'status',
      'Account-ID': account.id,
      'FaxBox-ID': office.faxboxId,
      'Job-ID': jobId,
      Direction: direction,
      'Fax-State': state,
      Status: status,
      Page: page,
      ...more,
    });
  }

  const pageFields = (page: number, pages: number): Fields => ({
    'Fax-Transferred-Pages': String(page),
    'Fax-Total-Pages': String(pages),
    'Fax-Transfer-Rate': '14400',
  });

  stage.play(jobs());
}
