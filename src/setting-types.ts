/** The kinds of values that settings have, as schemas that read them from a text and say what is wrong with it. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import proxyaddr from '@fastify/proxy-addr';
import { z } from 'zod';
import { messageOf } from './errors.ts';
import type { FamilyDefinition } from './families/definition.ts';
import { readFamiliesFile } from './families/families-file.ts';
import { secretNotifications } from './setting-defaults.ts';

/** A whole number in a text. Plain coercion would take `''` for 0 and `1e3` for 1000. */
export const integer = (min: number, max = 2 ** 31 - 1) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));

export const list = (item: z.ZodType<string, string> = z.string()) =>
  z
    .string()
    .transform((text) => [...new Set(text.split(',').map((part) => part.trim()))].filter((part) => part !== ''))
    .pipe(z.array(item).min(1, 'must name at least one'));

export const boolean = z
  .enum(['true', 'false', '1', '0', 'on', 'off'], 'must be on or off')
  .transform((text) => text === 'true' || text === '1' || text === 'on');

/** What is said of a value that is none of the few that there are. */
export const oneOf = (values: readonly string[]): string => `must be one of ${values.join(', ')}`;

/** With a user in it, `fetch` would refuse the address at every request. */
export const httpUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http:// or https:// address' })
  .refine((text) => !/^https?:\/\/[^/?#]*@/i.test(text), 'must not carry a user or a password');

export const word = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be letters, digits, "-" or "_"');

/** A notification, as it stands in its routing key. */
export const notification = z.string().superRefine((text, context) => {
  const problem = notificationProblem(text);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

function notificationProblem(text: string): string | undefined {
  if (!/^[\w-]{1,64}\.[\w-]{1,64}$/.test(text)) {
    return `has ${JSON.stringify(text)}; a notification's form is CATEGORY.NAME, voicemail.new for instance`;
  }
  return secretNotifications.has(text.toLowerCase())
    ? `has ${text}, which carries a password or a link that sets one: no browser may see it`
    : undefined;
}

/** What a file of families has. */
export interface FamiliesFile {
  readonly path: string;
  readonly definitions: readonly FamilyDefinition[];
}

export const familiesFile = z.string().transform((path, context): FamiliesFile => {
  const outcome = readFamiliesFile(path);
  if ('definitions' in outcome) return { path, definitions: outcome.definitions };
  for (const fault of outcome.faults) context.addIssue({ code: 'custom', message: `${path}: ${fault}` });
  return z.NEVER;
});

export const amqpUrl = z.string().superRefine((text, context) => {
  const problem = amqpUrlProblem(text);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

function amqpUrlProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'has an address that is no URL (its form is amqp://user:password@host:5672/vhost)';
  const url = new URL(text);
  if (!['amqp:', 'amqps:', 'kazoo:'].includes(url.protocol)) {
    return `has the protocol ${url.protocol}//; only amqp://, amqps:// and kazoo:// can be used`;
  }
  if (url.hostname === '') return 'has an address without a host';
  return [url.username, url.password, url.pathname].every(isEncoded)
    ? undefined
    : 'has a "%" that begins no %HH in its user, password or virtual host';
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch (error) {
    if (error instanceof URIError) return false;
    throw error;
  }
}

const leastRsaBits = 2048;

/** What jose would refuse at every token is refused at the start. */
function publicKeyProblem({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | undefined {
  if (type === 'rsa') {
    if ((details?.modulusLength ?? 0) >= leastRsaBits) return undefined;
    return `is an RSA key of ${details?.modulusLength} bits; at least ${leastRsaBits} bits are needed`;
  }
  const isFit = type === 'ed25519' || (type === 'ec' && details?.namedCurve === 'prime256v1');
  return isFit
    ? undefined
    : `is a key of a kind that is not used (${details?.namedCurve ?? type}); RSA, EC P-256 or Ed25519 is needed`;
}

export const publicKey = z.string().transform((text, context): KeyObject => {
  try {
    const pem = text.includes('-----BEGIN') ? text.replaceAll('\\n', '\n') : readFileSync(text, 'utf8');
    const key = createPublicKey(pem);
    const problem = publicKeyProblem(key);
    if (problem === undefined) return key;
    context.addIssue({ code: 'custom', message: problem });
    return z.NEVER;
  } catch (error) {
    context.addIssue({
      code: 'custom',
      message: `is neither a PEM public key nor a path to one (${messageOf(error)})`,
    });
    return z.NEVER;
  }
});

export const trustedProxies = list().superRefine((addresses, context) => {
  try {
    proxyaddr.compile([...addresses]);
  } catch (error) {
    context.addIssue({ code: 'custom', message: `must be addresses or CIDR ranges (${messageOf(error)})` });
  }
});

export const origin = z.string().superRefine((text, context) => {
  if (!URL.canParse(text) || new URL(text).origin !== text.toLowerCase()) {
    context.addIssue({
      code: 'custom',
      message: `has ${JSON.stringify(text)}, which is no origin (its form is https://host[:port], no path)`,
    });
  }
});
