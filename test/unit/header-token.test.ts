import { expect, test } from 'vitest';
import { headerToken } from '../../src/socket/upgrade.ts';

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJhY2NvdW50X2lkIjoiYSJ9.q-Z_3';
const opaque = '1f8d2c0a9b3e4d5f60718293a4b5c6d7';

test.each([
  [`Bearer ${jwt}`, jwt],
  [`bearer  ${jwt}`, jwt],
  ['Bearer two words', 'two words'],
  ['Bearer', ''],
  [jwt, jwt],
  [opaque, opaque],
  ['c29tZXRoaW5n+/==', 'c29tZXRoaW5n+/=='],
  ['Bearertoken', 'Bearertoken'],
  ['', undefined],
  ['Basic dXNlcjpwYXNzd29yZA==', undefined],
  [`Token ${jwt}`, undefined],
  [`${jwt} and more`, undefined],
  [`${jwt},${opaque}`, undefined],
  ['Digest username="x", realm="y"', undefined],
  ['Digest', undefined],
  ['BASIC', undefined],
  ['negotiate', undefined],
  ['NTLM', undefined],
  ['SCRAM-SHA-256', undefined],
  ['a=b', undefined],
  ['"quoted"', undefined],
  ['sécret', undefined],
])('Authorization: %s', (authorization, token) => {
  expect(headerToken({ authorization })).toBe(token);
});

test('X-Auth-Token wins, unless it is empty', () => {
  expect(headerToken({ 'x-auth-token': opaque, authorization: `Bearer ${jwt}` })).toBe(opaque);
  expect(headerToken({ 'x-auth-token': '', authorization: jwt })).toBe(jwt);
  expect(headerToken({})).toBeUndefined();
});
