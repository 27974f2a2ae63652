/**
 * What can be done to a call, and what must be said with it: read from what clients send, with the place of each fault.
 * Actions and their members are those of Kazoo's Crossbar (cb_channels); what becomes of them is the call control's.
 */
import { ActionError } from '../errors.ts';
import { jsonBytes } from '../json-bytes.ts';

/** A command as the call control takes it. */
export interface Command {
  readonly action: CommandAction;
  /** `Data` of an action; the `Flow` of a metaflow. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** A text that stands for a thing: no longer than anybody's. */
const maxTextLength = 256;
/** Of JSON. */
const maxFlowBytes = 4096;

type Members = Readonly<Record<string, unknown>>;

/** One member of an action's data. */
interface Member {
  /** As the call control spells it, where that is not as clients do. */
  readonly sentAs?: string;
  readonly isOptional?: true;
  /** @returns what is wrong with it */
  fault(value: unknown): string | undefined;
}

const text: Member = { fault: (value) => textFault(value) };
/** A path would be taken as it is, and could name another account's. */
const media: Member = { isOptional: true, fault: (value) => textFault(value) ?? slashFault(value) };
const flag: Member = {
  isOptional: true,
  fault: (value) => (typeof value === 'boolean' ? undefined : 'must be true or false'),
};
const oneOf = (...choices: readonly string[]): Member => ({
  fault: (value) => (choices.includes(value as string) ? undefined : `must be ${choices.join(' or ')}`),
});

const actionMembers = {
  hangup: {},
  hold: {},
  resume: {},
  park: {},
  transfer: {
    target: text,
    transfer_type: { ...oneOf('blind', 'attended'), sentAs: 'transfer-type' },
    moh: media,
  },
  intercept: { target_type: oneOf('device', 'user'), target_id: text, unbridged_only: flag },
  metaflow: undefined,
} as const satisfies Record<string, Readonly<Record<string, Member>> | undefined>;

export type CommandAction = keyof typeof actionMembers;

export const commandActions = Object.keys(actionMembers) as readonly CommandAction[];

const flowModules = ['hangup', 'transfer', 'hold', 'resume', 'play', 'tts', 'say', 'record_call'];
/** Members that name media. */
const mediaMembers = new Set(['moh', 'moh_aleg', 'moh_bleg', 'id']);

export function isCommandAction(value: unknown): value is CommandAction {
  return typeof value === 'string' && Object.hasOwn(actionMembers, value);
}

/**
 * @param members what stands beside the action; `data` has the flow of a metaflow
 * @throws ActionError invalid_message
 */
export function readCommand(action: unknown, members: Members): Command {
  if (!isCommandAction(action)) {
    const shown = typeof action === 'string' ? ` ${JSON.stringify(action.slice(0, 64))}` : '';
    throw invalid('data.action', `no action${shown}; there are ${commandActions.join(', ')}`);
  }
  const known = actionMembers[action];
  if (known === undefined) return { action, data: readFlow(members) };
  return { action, data: readMembers(known, members) };
}

function readMembers(known: Readonly<Record<string, Member>>, members: Members): Members {
  const data: Record<string, unknown> = {};
  const given = new Map<string, unknown>();
  for (const [spelling, value] of presentMembers(members)) {
    const name = spelling.replaceAll('-', '_');
    if (!Object.hasOwn(known, name)) throw invalid(`data.${spelling}`, 'there is no such member');
    if (given.has(name)) throw invalid(`data.${spelling}`, 'is given twice');
    given.set(name, value);
  }
  for (const [name, { sentAs = name, isOptional, fault }] of Object.entries(known)) {
    if (!given.has(name)) {
      if (isOptional) continue;
      throw invalid(`data.${name}`, 'is missing');
    }
    const value = given.get(name);
    const problem = fault(value);
    if (problem !== undefined) throw invalid(`data.${name}`, problem);
    data[sentAs] = value;
  }
  return data;
}

function readFlow(members: Members): Members {
  for (const [name] of presentMembers(members)) {
    if (name !== 'data') throw invalid(`data.${name}`, 'there is no such member');
  }
  const flow = Object.hasOwn(members, 'data') ? members.data : undefined;
  if (!isObject(flow)) throw invalid('data.data', 'must be the flow: {module, data}');
  if (jsonBytes(flow) > maxFlowBytes) {
    throw invalid('data.data', `a flow has at most ${maxFlowBytes} bytes`);
  }
  for (const name of Object.keys(flow)) {
    if (name !== 'module' && name !== 'data')
      throw invalid(`data.data.${shortened(name)}`, 'a flow has module and data alone');
  }
  const { module } = flow;
  if (typeof module !== 'string' || !flowModules.includes(module)) {
    throw invalid('data.data.module', `must be one of ${flowModules.join(', ')}`);
  }
  const data = flow.data ?? {};
  if (!isObject(data)) throw invalid('data.data.data', 'must be an object');
  for (const [name, value] of presentMembers(data)) {
    const problem = flowFault(module, name.toLowerCase().replaceAll('-', '_'), value);
    if (problem !== undefined) throw invalid(`data.data.data.${shortened(name)}`, problem);
  }
  return { module, data };
}

function flowFault(module: string, name: string, value: unknown): string | undefined {
  if (module === 'record_call' && name === 'url') return 'recordings are not sent elsewhere';
  if (mediaMembers.has(name)) return textFault(value) ?? slashFault(value);
  if (typeof value === 'string') return textFault(value, 0);
  if (typeof value === 'number' || typeof value === 'boolean') return undefined;
  return 'must be a text, a number or true or false';
}

/** A member that is null counts as absent. */
function presentMembers(members: Members): [string, unknown][] {
  return Object.entries(members).filter(([, value]) => value !== null && value !== undefined);
}

function textFault(value: unknown, least = 1): string | undefined {
  if (typeof value === 'string' && value.length >= least && value.length <= maxTextLength) return undefined;
  return `must be a text of ${least === 0 ? 'at most' : '1 to'} ${maxTextLength} characters`;
}

function slashFault(value: unknown): string | undefined {
  return String(value).includes('/') ? 'must not have a /: it is the id of a medium, and no path' : undefined;
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const shortened = (name: string): string => name.slice(0, 64);

function invalid(place: string, problem: string): ActionError {
  return new ActionError('invalid_message', `invalid message: ${place}: ${problem}`);
}
