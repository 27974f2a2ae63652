/** Routes for those who run the server: health, metrics, the OpenAPI document. */
import { z } from 'zod';
import { errorSchema, HttpError, type NodeInfo, successBody, successSchema } from './envelope.ts';
import type { Http } from './http-server.ts';

export interface ServiceState {
  /** Why it may not take traffic; undefined: it may. */
  notReadyBecause(): string | undefined;
  /** Prometheus text; with several workers that of all of them. */
  metrics(): Promise<string>;
}

/** The content type of the Prometheus text format. */
const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

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
        response: { 200: successSchema(z.object({})), 503: errorSchema },
      },
    },
    async (request) => {
      const reason = state.notReadyBecause();
      if (reason !== undefined) throw new HttpError(503, reason);
      return successBody(info, request.id, {});
    },
  );
}

export function addMetricsRoute(http: Http, state: ServiceState): void {
  http.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    reply.type(metricsType);
    return state.metrics();
  });
}

export function addOpenApiRoute(http: Http): void {
  http.get('/openapi.json', { schema: { hide: true } }, async () => http.swagger());
}
