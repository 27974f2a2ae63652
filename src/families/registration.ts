/**
 * Registrations of devices: `registration.success.{REALM}.{USERNAME}`, on `registrar` and, from some Kamailio set-ups,
 * on `callmgr`. The realm is as somebody typed it into a telephone, in any case, and a topic exchange compares bytes: so
 * those of all realms are bound, and the rest is sorted out here. An account without a known realm still owns what carries
 * its id.
 */
import type { FamilyDefinition } from './definition.ts';

export const registrationDefinition: FamilyDefinition = {
  name: 'registration',
  exchanges: [
    { name: 'registrar', type: 'topic', whenMissing: 'declare' },
    { name: 'callmgr', type: 'topic', whenMissing: 'declare' },
  ],
  routingKey: 'registration.success.{REALM}.{USERNAME}',
  binding: 'registration.success.{USERNAME}',
  account: {
    payload: ['Account-ID', 'Custom-Channel-Vars.Account-ID'],
    realm: 'REALM',
    payloadRealm: 'Realm',
  },
  fallbackName: 'reg_success',
  subscriptionKey: 'registration.success.{REALM}.{USERNAME}',
};
