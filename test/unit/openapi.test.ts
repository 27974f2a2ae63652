import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { rest } from '../support/rest.ts';

/** What the OpenAPI 3.0 specification asks of the parts that such a document has here; anything else is refused. */
const jsonSchema = z.record(z.string(), z.unknown());
const content = z.record(z.string().regex(/^[\w.+-]+\/[\w.+-]+$/), z.strictObject({ schema: jsonSchema }));
const operation = z.strictObject({
  summary: z.string().min(1),
  parameters: z
    .array(
      z.strictObject({
        name: z.string(),
        in: z.enum(['path', 'query', 'header']),
        required: z.boolean().optional(),
        description: z.string().optional(),
        schema: jsonSchema,
      }),
    )
    .optional(),
  requestBody: z.strictObject({ content, required: z.boolean().optional() }).optional(),
  security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
  responses: z.record(
    z.string().regex(/^[1-5]\d\d$/),
    z.strictObject({ description: z.string(), content: content.optional() }),
  ),
});
const documentSchema = z.strictObject({
  openapi: z.string().regex(/^3\.0\.\d+$/),
  info: z.strictObject({ title: z.string(), version: z.string(), description: z.string() }),
  paths: z.record(
    z.string().startsWith('/'),
    z.strictObject({
      get: operation.optional(),
      delete: operation.optional(),
      post: operation.optional(),
      put: operation.optional(),
    }),
  ),
  components: z.strictObject({
    schemas: z.record(z.string(), jsonSchema),
    securitySchemes: z.record(z.string(), z.strictObject({ type: z.enum(['apiKey', 'http']) }).loose()),
  }),
  servers: z.array(z.unknown()).optional(),
});

type Document = z.output<typeof documentSchema>;

async function documentOf({ address }: EmbeddedBridge): Promise<Document> {
  const response = await fetch(`${address}/openapi.json`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^application\/json/);
  return documentSchema.parse(await response.json());
}

const operationsOf = (document: Document) =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({ path, method, described })),
  );

/** The schema of an answer, as something that can check one. */
function answerSchema(document: Document, path: string, method: 'get' | 'delete', status: number): z.ZodType {
  const schema = document.paths[path]?.[method]?.responses[status]?.content?.['application/json']?.schema;
  if (schema === undefined) throw new Error(`${method} ${path} describes no answer ${status}`);
  return z.fromJSONSchema(schema, { defaultTarget: 'openapi-3.0' });
}

describe('GET /openapi.json', () => {
  test('is a valid OpenAPI 3 document', async () => {
    const document = await documentOf(await startBridge());
    for (const { path, described } of operationsOf(document)) {
      const declared = described?.parameters?.filter((parameter) => parameter.in === 'path') ?? [];
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(declared.map(({ name }) => name).sort()).toEqual(inPath.sort());
      for (const parameter of declared) expect(parameter.required).toBe(true);
      const names = described?.security?.flatMap((requirement) => Object.keys(requirement)) ?? [];
      for (const name of names) expect(document.components.securitySchemes).toHaveProperty(name);
    }
  });

  test('describes every route', async () => {
    const document = await documentOf(await startBridge());
    expect(
      operationsOf(document)
        .map(({ path, method }) => `${method} ${path}`)
        .sort(),
    ).toEqual([
      'delete /v2/accounts/{account}/websockets/{socket}',
      'get /healthz',
      'get /metrics',
      'get /openapi.json',
      'get /protocol.json',
      'get /readyz',
      'get /v2/accounts/{account}/channels',
      'get /v2/accounts/{account}/channels/{call}',
      'get /v2/accounts/{account}/conferences',
      'get /v2/accounts/{account}/conferences/{conference}',
      'get /v2/accounts/{account}/descendants',
      'get /v2/accounts/{account}/events',
      'get /v2/accounts/{account}/registrations',
      'get /v2/accounts/{account}/websockets',
      'get /v2/accounts/{account}/websockets/{socket}',
      'get /v2/websockets',
      'post /v2/accounts/{account}/channels/{call}',
      'put /v2/accounts/{account}/channels/{call}',
    ]);
  });

  test('says where a token is needed, which dialects there are, and what is answered', async () => {
    const document = await documentOf(await startBridge());
    for (const { path, described } of operationsOf(document)) {
      const needsToken = path.includes('{account}');
      expect(described?.security).toEqual(needsToken ? [{ token: [] }, { bearer: [] }] : undefined);
      if (needsToken) expect(Object.keys(described?.responses ?? {})).toEqual(expect.arrayContaining(['401', '403']));
      const dialect = described?.parameters?.find(({ name }) => name === 'dialect');
      expect(dialect?.schema.enum).toEqual(/\/(websockets|events)\b/.test(path) ? ['classic', 'kazoo4'] : undefined);
    }
  });

  test('what is answered is what it describes', async () => {
    const bridge = await startBridge();
    const document = await documentOf(bridge);
    const token = await tokenFor('acme');
    const client = await openClient(bridge, { token });
    await client.subscribe('call.*.*', { name: 'n', metadata: { a: 1 } });
    const [id] = (await rest(bridge, '/v2/accounts/acme/websockets', { token })).body.data as string[];
    const list = '/v2/accounts/{account}/websockets';
    const one = `${list}/{socket}`;
    const fill = (path: string) => path.replace('{account}', 'acme').replace('{socket}', id ?? '');
    for (const path of ['/v2/websockets', list, one]) {
      for (const dialect of ['classic', 'kazoo4']) {
        const { body } = await rest(bridge, `${fill(path)}?dialect=${dialect}`, { token });
        expect(answerSchema(document, path, 'get', 200).safeParse(body).error).toBeUndefined();
      }
    }
    for (const path of ['/healthz', '/readyz']) {
      const { body } = await rest(bridge, path);
      expect(answerSchema(document, path, 'get', 200).safeParse(body).error).toBeUndefined();
    }
    const refusal = await rest(bridge, fill(list));
    expect(answerSchema(document, list, 'get', 401).safeParse(refusal.body).error).toBeUndefined();
    const closed = await rest(bridge, fill(one), { method: 'DELETE', token });
    expect(answerSchema(document, one, 'delete', 200).safeParse(closed.body).error).toBeUndefined();
  });
});
