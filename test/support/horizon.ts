/** The client library as tests use it: with a record of all that it says. */
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { connect } from '../../src/client/client.ts';
import type {
  ConnectOptions,
  FailureEvent,
  GapEvent,
  Horizon,
  HorizonEvent,
  HorizonState,
} from '../../src/client/types.ts';
import { until } from './until.ts';

export interface OpenHorizon {
  readonly horizon: Horizon;
  /** Where tests put what their handlers get. */
  readonly events: HorizonEvent[];
  readonly gaps: GapEvent[];
  readonly failures: FailureEvent[];
  /** Those after the first `connecting`. */
  readonly states: HorizonState[];
  untilState(state: HorizonState): Promise<void>;
}

/** Connects; it is closed when the test ends. */
export function openHorizon(
  server: { readonly address: string },
  options: Partial<ConnectOptions> & Pick<ConnectOptions, 'token'>,
): OpenHorizon {
  const horizon = connect({ url: server.address, WebSocket, ...options });
  onTestFinished(() => horizon.close());
  return watched(horizon);
}

export function watched(horizon: Horizon): OpenHorizon {
  const gaps: GapEvent[] = [];
  const failures: FailureEvent[] = [];
  const states: HorizonState[] = [];
  horizon.addEventListener('gap', (event) => gaps.push(event));
  horizon.addEventListener('error', (event) => failures.push(event));
  horizon.addEventListener('state', () => states.push(horizon.state));
  return {
    horizon,
    events: [],
    gaps,
    failures,
    states,
    untilState: (state) => until(() => horizon.state === state, `the state ${state}`),
  };
}
