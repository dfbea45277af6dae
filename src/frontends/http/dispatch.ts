/** From a received head to its handler: routes, methods, and bodies of the control endpoints. */

import { type InferenceError, internal, unimplemented } from '../../errors.ts';
import type { Exchange } from './exchange.ts';
import { answerFailure, type HttpContext } from './http-context.ts';
import type { InferHandler } from './infer-handler.ts';
import { oversizedJson } from './infer-request.ts';
import {
  healthReply,
  modelConfigReply,
  modelMetadataReply,
  modelReadyReply,
  serverMetadataReply,
  statisticsReply,
} from './model-replies.ts';
import type { Reply } from './reply.ts';
import { loadReply, repositoryIndexReply, unloadReply } from './repository-replies.ts';
import { receiveBody } from './request-body.ts';
import { allowedMethods, type Route, routeOf } from './routes.ts';
import { logRefusal, traceRefusal } from './settings-replies.ts';
import { regionStatusReply, registrationRefusal, sharedMemoryDisabled } from './shared-memory-replies.ts';

const notFoundReply: Reply = { status: 404, json: '{"error":"Not Found"}' };
const wrongMethodReply: Reply = { status: 405, json: '{"error":"Method Not Allowed"}' };

/** Answers the exchange, now or later, whatever was asked. */
export function dispatch(context: HttpContext, infer: InferHandler, exchange: Exchange): void {
  try {
    const { target, method } = exchange.request.head;
    const route = routeOf(target);
    if (route === null) {
      exchange.answer(notFoundReply);
      return;
    }
    const allowed = allowedMethods(route);
    if (method !== allowed && !(allowed === 'GET, POST' && (method === 'GET' || method === 'POST'))) {
      exchange.answer(wrongMethodReply, ['Allow', allowed]);
    } else if (route.endpoint === 'infer') {
      infer.handle(exchange, route.model, route.version);
    } else if (method === 'GET') {
      reading(context, route).then(
        (reply) => exchange.answer(reply),
        (error: unknown) => answerFailure(context, exchange, error),
      );
    } else {
      answerWithBody(context, exchange, route);
    }
  } catch (error) {
    answerFailure(context, exchange, error);
  }
}

/** Answers a GET. */
async function reading(context: HttpContext, route: Route): Promise<Reply> {
  const { server } = context;
  switch (route.endpoint) {
    case 'live':
    case 'ready':
      return healthReply(context, route.endpoint);
    case 'serverMetadata':
      return serverMetadataReply(server);
    case 'allStatistics':
      return statisticsReply(server, '', '');
    case 'modelMetadata':
      return modelMetadataReply(server, route.model, route.version);
    case 'modelReady':
      return modelReadyReply(server, route.model, route.version);
    case 'modelConfig':
      return modelConfigReply(server, route.model, route.version);
    case 'modelStatistics':
      return statisticsReply(server, route.model, route.version);
    case 'regionStatus':
      return regionStatusReply(route.kind, route.region);
    case 'modelTrace':
    case 'globalTrace':
      throw traceRefusal(null);
    case 'logging':
      throw logRefusal(null);
    default:
      throw unroutable(route);
  }
}

function answerWithBody(context: HttpContext, exchange: Exchange, route: Route): void {
  const { maxInputBytes } = context.config;
  // The block of the body is left to the collector: these endpoints are rare, and what they load may be views on it.
  receiveBody(exchange.request, context.memory, maxInputBytes, {
    onBody(body, _block, receivedBytes, isComplete) {
      if (!isComplete) exchange.closeAfterAnswer();
      if (body === null) {
        exchange.answerError(oversizedJson(receivedBytes, maxInputBytes));
        return;
      }
      posting(context, route, body).then(
        (reply) => exchange.answer(reply),
        (error: unknown) => answerFailure(context, exchange, error),
      );
    },
  });
}

/** Answers a POST of the control endpoints. */
async function posting({ server }: HttpContext, route: Route, body: Buffer): Promise<Reply> {
  switch (route.endpoint) {
    case 'repositoryIndex':
      return repositoryIndexReply(server, body);
    case 'load':
      return loadReply(server, route.model, route.hasRepository, body);
    case 'unload':
      return unloadReply(server, route.model, route.hasRepository, body);
    case 'registerRegion':
      throw registrationRefusal(route.kind, route.region, body);
    case 'unregisterRegion':
      throw sharedMemoryDisabled();
    case 'modelTrace':
    case 'globalTrace':
      throw traceRefusal(body);
    case 'logging':
      throw logRefusal(body);
    case 'generate':
      throw unimplemented('the generate extension is not supported; use the infer endpoint');
    default:
      throw unroutable(route);
  }
}

/** `allowedMethods` lets nothing through that would come here. */
const unroutable = (route: Route): InferenceError => internal(`endpoint '${route.endpoint}' has no handler`);
