/**
 * What `/client.js` is made of. A page imports `connect` from it; one that only has it as a script finds the same at
 * `EventHorizon`.
 */
import { connect, HorizonError } from './client.ts';

export { connect, HorizonError };

Object.assign(globalThis, { EventHorizon: { connect, HorizonError } });
