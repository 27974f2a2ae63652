/** `command`: does something to a call. It holds up no other message of its socket. */
import { z } from 'zod';
import { commandActions } from '../commands/command.ts';
import { ActionError } from '../errors.ts';
import { callId } from '../queries/channels.ts';
import type { Action } from './action.ts';

const message = z
  .object({
    data: z.looseObject({
      call_id: callId,
      action: z
        .string()
        .describe(
          `needs the scope commands, named in the token. ${commandActions.join(', ')}; its members stand beside it, and \`data\` has a metaflow`,
        ),
      account_id: z.string().min(1).max(128).nullish(),
    }),
  })
  .transform(({ data: { call_id, action, account_id, ...members } }) => ({
    callId: call_id,
    action,
    accountId: account_id ?? undefined,
    members,
  }));

const reply = z.object({ accepted: z.literal(true).describe('somebody takes it: its events say what comes of it') });

/** The scope `commands` is looked at with the rest, so that who lacks it is logged. */
export const command: Action<z.output<typeof message>, z.output<typeof reply>> = {
  name: 'command',
  access: 'token',
  isConcurrent: true,
  message,
  reply,

  async perform({ session, services, identity, message: { callId: id, action, accountId, members } }) {
    const account = accountId ?? identity.accountId;
    await services.commands.run({ account, callId: id, source: session.address, action, members }, () => {
      if (!session.hasValidToken(Date.now())) throw new ActionError('token_expired');
      return session.identity ?? identity;
    });
    return { accepted: true };
  },
};
