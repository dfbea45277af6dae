/**
 * For people and probes that do not know the protocol: `GET /` names the server and its endpoints, and paths that other
 * servers have are answered with a hint. None of these paths is part of the v2 protocol.
 */

import type { InferenceServer } from '../../../server/inference-server.ts';
import { pathOf } from '../../request-target.ts';
import { type HttpDialect, type HttpHandler, methodRefusal } from '../dialect.ts';
import { answerFailure, type HttpContext } from '../http-context.ts';
import { jsonReply, type Reply } from '../reply.ts';

export const operationsDialect: HttpDialect = {
  name: 'operations',
  open: (context) => ({
    route(method, target) {
      const path = pathOf(target);
      if (path !== '/') return hintFor(path);
      return method === 'GET' ? landing(context) : methodRefusal('metadata', 'GET, HEAD');
    },
  }),
};

const landing = (context: HttpContext): HttpHandler => ({
  api: 'metadata',
  handle(exchange) {
    landingReply(context.server).then(
      (reply) => exchange.answer(reply),
      (error: unknown) => answerFailure(context, exchange, error),
    );
  },
});

/** The endpoints, by their purpose. */
const directions = {
  ready: 'GET /v2/health/ready',
  server: 'GET /v2',
  models: 'POST /v2/repository/index',
  model: 'GET /v2/models/<model>',
  infer: 'POST /v2/models/<model>/infer',
};

async function landingReply(server: InferenceServer): Promise<Reply> {
  const { name, version } = await server.serverMetadata();
  return jsonReply(JSON.stringify({ name, version, endpoints: directions }));
}

const metricsHint = 'metrics are at /metrics on a port of their own, 8002 unless --metrics-port says otherwise';
const healthHint = 'health is at GET /v2/health/live and GET /v2/health/ready';
const modelsHint = 'the models are listed by POST /v2/repository/index, and one is described by GET /v2/models/<model>';
const otherProtocolHint = 'this server speaks the v2 protocol: inference is POST /v2/models/<model>/infer';

/** Paths of other servers, and the hints for them. */
const hints: ReadonlyMap<string, string> = new Map([
  ['/metrics', metricsHint],
  ['/v2/metrics', metricsHint],
  ['/health', healthHint],
  ['/healthz', healthHint],
  ['/livez', healthHint],
  ['/readyz', healthHint],
  ['/ping', healthHint],
  ['/v2/health', healthHint],
  ['/v2/models', modelsHint],
  ['/v2/repository', modelsHint],
  ['/v2/repository/models', modelsHint],
  ['/predict', otherProtocolHint],
  ['/invocations', otherProtocolHint],
]);

const otherProtocol = /^\/v1(\/|$)/;

/** Trailing slashes are ignored. Null when there is no hint. */
function hintFor(path: string): HttpHandler | null {
  const meant = path.replace(/\/{1,8}$/, '');
  const hint = hints.get(meant) ?? (otherProtocol.test(meant) ? otherProtocolHint : slashHint(path, meant));
  if (hint === null) return null;
  const reply: Reply = { status: 404, json: JSON.stringify({ error: `Not Found: ${hint}` }) };
  return { api: null, handle: (exchange) => exchange.answer(reply) };
}

/** A path of the protocol with a slash too many. */
const slashHint = (path: string, meant: string): string | null =>
  path !== meant && (meant === '/v2' || meant.startsWith('/v2/')) ? 'the path ends without a slash' : null;
