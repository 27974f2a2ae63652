/** Commands to calls, over REST: at the path and with the bodies that Crossbar has for them. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { accountId } from '../auth/accounts.ts';
import type { Identity } from '../auth/identity.ts';
import type { CommandRequest } from '../commands/commands.ts';
import { ActionError, type ActionErrorCode } from '../errors.ts';
import { callId } from '../queries/channels.ts';
import { validIdentity } from './access.ts';
import { errorSchema, type NodeInfo, successBody, successSchema } from './envelope.ts';
import type { Http } from './http-server.ts';

/** Who does it. */
export interface Commanding {
  /** @throws ActionError */
  run(request: CommandRequest, who: () => Identity): Promise<void>;
  note(
    request: Pick<CommandRequest, 'account' | 'callId' | 'source' | 'action'>,
    identity: Identity,
    outcome: ActionErrorCode,
  ): void;
}

export interface CommandRouteServices {
  readonly info: NodeInfo;
  readonly commands: Commanding;
}

const params = z.object({ account: accountId.describe('account id'), call: callId.describe('call id') });
const members = z.record(z.string(), z.unknown());
const body = z.looseObject({
  action: z.string().nullish().describe('here or in data'),
  data: members.nullish().describe('what else belongs to the action; the flow of a metaflow'),
});
type Body = z.output<typeof body>;

const refusals = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 404: errorSchema, 429: errorSchema };

export function addCommandRoutes(http: Http, { info, commands }: CommandRouteServices): void {
  /** Whatever ends these is noted where it happens. */
  const begun = new WeakSet<object>();
  for (const [method, summary] of [
    ['POST', 'Do something to a call'],
    ['PUT', 'Run a metaflow on a call'],
  ] as const) {
    http.route({
      method,
      url: '/v2/accounts/:account/channels/:call',
      config: { scope: 'commands', crossOrigin: true },
      schema: {
        summary,
        security: [{ token: [] }, { bearer: [] }],
        params,
        body,
        response: { 202: successSchema(z.object({ accepted: z.literal(true) })), ...refusals, 503: errorSchema },
      },
      // Who has a token and may not is as worth knowing as who may; nothing else tells of what ends before the handler.
      async onError(request, _reply, error) {
        const code = error instanceof ActionError ? error.code : undefined;
        if (request.identity === undefined || begun.has(request)) return;
        if (code !== 'scope_missing' && code !== 'account_unauthorized') return;
        commands.note(commandOf(request, params.parse(request.params), asBody(request.body)), request.identity, code);
      },
      async handler(request, reply) {
        begun.add(request);
        const command = commandOf(request, request.params, request.body);
        if (method === 'PUT' && command.action !== 'metaflow') {
          const refusal = new ActionError('invalid_message', 'invalid message: data.action: PUT is for a metaflow');
          commands.note(command, validIdentity(request), refusal.code);
          throw refusal;
        }
        await commands.run(command, () => validIdentity(request));
        return reply.code(202).send(successBody(info, request.id, { accepted: true }));
      },
    });
  }
}

const asBody = (value: unknown): Body => body.catch({}).parse(value);

/** `{data: {action, …}}`, or `{action, data: {…}}`. */
function commandOf(
  { ip }: Pick<FastifyRequest, 'ip'>,
  { account, call }: z.output<typeof params>,
  { action: outer, data: given }: Body,
): CommandRequest {
  const data = given ?? {};
  const request = { account, callId: call, source: ip };
  if (outer === undefined || outer === null) {
    const { action, ...rest } = data;
    return { ...request, action, members: rest };
  }
  return { ...request, action: outer, members: outer === 'metaflow' ? { data } : data };
}
