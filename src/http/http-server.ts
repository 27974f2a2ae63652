/** The REST side: one Fastify instance, what all routes share, and the plug-ins. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import swagger from '@fastify/swagger';
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import {
  hasZodFastifySchemaValidationErrors,
  jsonSchemaTransform,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import { ActionError, actionErrors } from '../errors.ts';
import type { Log } from '../log.ts';
import { RareLog } from '../rare-log.ts';
import { retryAfterSeconds } from '../raw-answer.ts';
import { maxBodyBytes, readBodies } from './bodies.ts';
import { openToOtherOrigins } from './cross-origin.ts';
import { errorBody, HttpError, type NodeInfo, sendError } from './envelope.ts';

export type Http = FastifyInstance<
  import('node:http').Server,
  IncomingMessage,
  import('node:http').ServerResponse,
  import('fastify').FastifyBaseLogger,
  ZodTypeProvider
>;

/** As much as a request's head may have: what is too long is refused by its schema, in words. */
const maxParamCharacters = 16_384;

/** What a client may call its request: shown again in the answer and in logs. */
const requestIdPattern = /^[\x21-\x7e]{1,128}$/;

/** @param trustedProxies addresses and CIDR ranges whose X-Forwarded-For is believed */
export async function createHttp(info: NodeInfo, trustedProxies: readonly string[], log: Log): Promise<Http> {
  const http = fastify({
    logger: false,
    trustProxy: [...trustedProxies],
    bodyLimit: maxBodyBytes,
    routerOptions: { maxParamLength: maxParamCharacters },
    requestTimeout: 30_000,
    genReqId: requestIdOf,
    // Sockets that were upgraded are none of its business; the rest is ended at once.
    forceCloseConnections: true,
    // What is refused before there is a route for it comes by no hook and by no error handler.
    frameworkErrors(error, request, reply: FastifyReply) {
      setHeaders(request, reply);
      reply.header('Access-Control-Allow-Origin', '*');
      const status = error.statusCode ?? 500;
      reply.code(status).send(errorBody(info, request.id, status, error.message));
    },
  }).withTypeProvider<ZodTypeProvider>();
  const rareLog = new RareLog(log);
  /** By route. */
  const faults = new RareLog(log);
  http.setValidatorCompiler(validatorCompiler);
  // The schemas of answers are for the document; checking our own bodies field by field would only cost time.
  http.setSerializerCompiler(() => JSON.stringify);

  readBodies(http);
  http.addHook('onRequest', async (request, reply) => setHeaders(request, reply));
  http.setNotFoundHandler((request, reply) => sendError(info, request, reply, new HttpError(404, 'not found')));
  http.setErrorHandler<FastifyError>((error, request, reply) => {
    if (error instanceof HttpError) return sendError(info, request, reply, error);
    if (error instanceof ActionError) return sendError(info, request, reply, asHttpError(error, rareLog));
    if (hasZodFastifySchemaValidationErrors(error)) return sendError(info, request, reply, badRequest(error));
    const status = error.statusCode ?? 500;
    if (status < 500) return reply.code(status).send(errorBody(info, request.id, status, error.message));
    const { method, url = '' } = request.routeOptions;
    faults.error(`${method} ${url}`, { err: error, requestId: request.id }, 'fault while answering a request');
    return reply.code(500).send(errorBody(info, request.id, 500, 'internal error'));
  });

  await openToOtherOrigins(http);
  await http.register(swagger, {
    openapi: {
      info: {
        title: 'Event Horizon',
        version: info.version,
        description: 'What can be subscribed to over the WebSocket, and which sockets an account has.',
      },
      components: {
        securitySchemes: {
          token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' },
          bearer: { type: 'http', scheme: 'bearer' },
        },
      },
    },
    transform: jsonSchemaTransform,
  });
  return http;
}

/** What refuses a message on a WebSocket refuses a request here. What is behind it is the log's. */
function asHttpError({ code, message, cause }: ActionError, log: RareLog): HttpError {
  if (cause !== undefined) log.warn(code, { err: cause, code }, 'a request could not be served');
  const { status } = actionErrors[code];
  return new HttpError(status, message, status === 503 || status === 429 ? { retryAfterSeconds } : {});
}

function setHeaders(request: FastifyRequest, reply: FastifyReply): void {
  reply.header('X-Request-ID', request.id);
  reply.header('X-Content-Type-Options', 'nosniff');
}

function requestIdOf(request: IncomingMessage): string {
  const own = request.headers['x-request-id'];
  return typeof own === 'string' && requestIdPattern.test(own) ? own : randomUUID();
}

function badRequest(error: FastifyError): HttpError {
  const fields = new Map<string, string>();
  for (const { instancePath, message } of error.validation ?? []) {
    fields.set(instancePath.replaceAll('/', '.').replace(/^\./, ''), message ?? 'is not valid');
  }
  const text = [...fields].map(([field, message]) => `${field}: ${message}`).join('; ');
  return new HttpError(400, text === '' ? 'bad request' : text, { data: Object.fromEntries(fields) });
}
