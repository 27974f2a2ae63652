/** What of the client library the console's parts speak of. */
export type {
  Board,
  Call,
  CallState,
  Conference,
  Lamp,
  Leg,
  Member,
  Party,
  Refusal,
  Registration,
} from '../client/board/types.ts';
