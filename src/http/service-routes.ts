/** Routes for those who run the server: health, metrics, the OpenAPI document. */
import { z } from 'zod';
import { errorSchema, HttpError, type NodeInfo, successBody, successSchema } from './envelope.ts';
import type { Http } from './http-server.ts';

export interface ServiceState {
  /** Why it may not take traffic; undefined: it may. */
  notReadyBecause(): string | undefined;
  /** Processes that share the port with this one and don't answer now: they get no more than one connection each. */
  silentWorkers(): readonly string[];
  /** Prometheus text; with several workers that of all of them. */
  metrics(): Promise<string>;
}

/** The content type of the Prometheus text format. */
const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

const readinessSchema = z.object({
  silent_workers: z.array(z.string()).optional().describe('with WORKERS: those that do not answer now'),
});

export function addHealthRoutes(http: Http, info: NodeInfo, state: ServiceState): void {
  http.get(
    '/healthz',
    { schema: { summary: 'Whether the process lives', response: { 200: successSchema(z.object({})) } } },
    async (request) => successBody(info, request.id, {}),
  );

  http.get(
    '/readyz',
    {
      schema: {
        summary: 'Whether it may take traffic',
        response: { 200: successSchema(readinessSchema), 503: errorSchema },
      },
    },
    async (request) => {
      const reason = state.notReadyBecause();
      if (reason !== undefined) throw new HttpError(503, reason);
      const silent = state.silentWorkers();
      return successBody(info, request.id, silent.length === 0 ? {} : { silent_workers: silent });
    },
  );
}

export function addMetricsRoute(http: Http, state: ServiceState): void {
  const schema = {
    summary: 'Prometheus metrics',
    response: { 200: { description: 'Prometheus text', content: { 'text/plain': { schema: z.string() } } } },
  };
  http.get('/metrics', { schema }, async (_request, reply) => {
    reply.type(metricsType);
    return state.metrics();
  });
}

/** @param makeDocument the JSON Schema of the WebSocket's messages; made once, when somebody asks */
export function addProtocolRoute(http: Http, makeDocument: () => object): void {
  let document: object | undefined;
  const schema = {
    summary: 'The messages of the WebSocket',
    response: { 200: z.unknown().describe('a JSON Schema') },
  };
  http.get('/protocol.json', { schema }, async () => {
    document ??= makeDocument();
    return document;
  });
}

export function addOpenApiRoute(http: Http): void {
  const schema = { summary: 'This document', response: { 200: z.unknown().describe('an OpenAPI 3 document') } };
  http.get('/openapi.json', { schema }, async () => http.swagger());
}
