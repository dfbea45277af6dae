/** The v2 protocol as a dialect: from an endpoint of `routes.ts` to its handler. */

import { type InferenceError, internal, invalidArgument, unimplemented } from '../../errors.ts';
import { requestCoding } from './transport/compression.ts';
import { type HttpDialect, type HttpHandler, methodRefusal } from './dialect.ts';
import type { Exchange } from './exchange.ts';
import { answerFailure, type HttpContext } from './http-context.ts';
import { InferHandler } from './infer/handler.ts';
import { type InferTarget, oversizedJson } from './infer/request-codec.ts';
import { healthReply, modelReadyReply } from './control/health.ts';
import {
  allStatisticsReply,
  modelConfigReply,
  modelMetadataReply,
  serverMetadataReply,
  statisticsReply,
} from './control/metadata.ts';
import { CollectedMemory } from '../message-pool.ts';
import { PagedText } from './paged-text.ts';
import type { Reply } from './reply.ts';
import { loadReply, repositoryIndexReply, unloadReply } from './control/repository.ts';
import { receiveBody } from './transport/request-body.ts';
import { endpoints, type Route, routeOf } from './routes.ts';
import { logRefusal, traceRefusal } from './control/settings.ts';
import { regionStatusReply, registrationRefusal, sharedMemoryDisabled } from './control/shared-memory.ts';

export const v2Dialect: HttpDialect = {
  name: 'v2',
  open(context) {
    const infer = new InferHandler(context);
    const known = new KnownTargets();
    return {
      route(method, target) {
        if (method === 'POST') {
          const inference = known.get(target);
          if (inference !== undefined) return inference;
        }
        const route = routeOf(target);
        if (route === null) return null;
        const { api, get, post } = endpoints[route.endpoint];
        if (method === 'POST' && post) {
          if (route.endpoint === 'infer') return known.add(target, new InferRoute(infer, route.model, route.version));
          return { api, handle: (exchange) => answerWithBody(context, exchange, route) };
        }
        if (method === 'GET' && get) return { api, handle: (exchange) => answerReading(context, exchange, route) };
        return methodRefusal(api, [...(get ? ['GET', 'HEAD'] : []), ...(post ? ['POST'] : [])].join(', '));
      },
    };
  },
};

/** Targets of inference are few and come again and again: finding one costs less than taking it apart. */
class KnownTargets {
  static readonly #max = 64;
  static readonly #maxLength = 512;
  readonly #routes = new Map<string, InferRoute>();
  /** The last one found: a client that repeats its head repeats the very string. */
  #lastTarget = '';
  #last: InferRoute | undefined;

  get(target: string): InferRoute | undefined {
    if (target === this.#lastTarget) return this.#last;
    this.#last = this.#routes.get(target);
    this.#lastTarget = this.#last === undefined ? '' : target;
    return this.#last;
  }

  add(target: string, route: InferRoute): InferRoute {
    if (target.length > KnownTargets.#maxLength) return route;
    if (this.#routes.size === KnownTargets.#max) this.#routes.clear();
    // A copy: the target is a part of the text of its head, which it would keep as a whole.
    this.#routes.set(Buffer.from(target, 'latin1').toString('latin1'), route);
    return route;
  }
}

/** Inference at one target, the only frequent route: its target and its handler are one object. */
class InferRoute implements HttpHandler, InferTarget {
  readonly api = 'inference';
  readonly modelName: string;
  readonly modelVersion: string;
  readonly maxInputBytes: number;
  readonly #infer: InferHandler;

  constructor(infer: InferHandler, modelName: string, modelVersion: string) {
    this.modelName = modelName;
    this.modelVersion = modelVersion;
    this.maxInputBytes = infer.maxInputBytes;
    this.#infer = infer;
  }

  handle(exchange: Exchange): void {
    this.#infer.handle(exchange, this);
  }
}

const answerReading = (context: HttpContext, exchange: Exchange, route: Route): void =>
  giveReply(context, exchange, reading(context, route));

/** Answers a control call. */
function giveReply(context: HttpContext, exchange: Exchange, reply: Promise<Reply | PagedText>): void {
  reply
    .then((made) => {
      // A configuration may be large, and clients may ask for it and not read it. Pages are made only for clients that read.
      if (!(made instanceof PagedText)) context.memory.budget.checkAnswer(Buffer.byteLength(made.json), 0);
      return made;
    })
    .then(
      (made) => exchange.give(made),
      (error: unknown) => answerFailure(context, exchange, error),
    );
}

/** Answers a GET. */
async function reading(context: HttpContext, route: Route): Promise<Reply | PagedText> {
  const { server } = context;
  switch (route.endpoint) {
    case 'live':
    case 'ready':
      return healthReply(context, route.endpoint);
    case 'serverMetadata':
      return serverMetadataReply(server);
    case 'allStatistics':
      return allStatisticsReply(context);
    case 'modelMetadata':
      return modelMetadataReply(server, route.model, route.version);
    case 'modelReady':
      return modelReadyReply(context, route.model, route.version);
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

/**
 * The most bytes of the body of a control call, which is read in one turn of the event loop. Loads, which may carry files,
 * are read in slices.
 */
const maxControlBytes = 1024 * 1024;

const oversizedControl = (bodyBytes: number, limit: number): InferenceError =>
  invalidArgument(`the request body has ${bodyBytes} bytes, expected at most ${limit}`);

function answerWithBody(context: HttpContext, exchange: Exchange, route: Route): void {
  const isLoad = route.endpoint === 'load';
  const limit = isLoad ? context.config.maxInputBytes : Math.min(context.config.maxInputBytes, maxControlBytes);
  if (requestCoding(exchange.request.head.header('content-encoding')) !== 'identity') {
    exchange.answerUnsupportedCoding('identity');
    return;
  }
  // These endpoints are rare, and loaded files may be views on the body.
  const memory = new CollectedMemory(context.memory.budget);
  receiveBody(exchange.request, memory, limit, {
    onBody(body, _block, receivedBytes, isComplete, reservedBytes) {
      if (!isComplete) exchange.closeAfterAnswer();
      if (body === null) {
        exchange.answerError(isLoad ? oversizedJson(receivedBytes, limit) : oversizedControl(receivedBytes, limit));
        return;
      }
      const reply = posting(context, route, body).finally(() => memory.budget.release(reservedBytes));
      giveReply(context, exchange, reply);
    },
    onRefusedBody: (error) => exchange.answerError(error),
  });
}

/** Answers a POST of the control endpoints. */
async function posting(context: HttpContext, route: Route, body: Buffer): Promise<Reply | PagedText> {
  switch (route.endpoint) {
    case 'repositoryIndex':
      return repositoryIndexReply(context, body);
    case 'load':
      return loadReply(context, route.model, route.hasRepository, body);
    case 'unload':
      return unloadReply(context, route.model, route.hasRepository, body);
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

/** The table of endpoints makes sure that this does not happen. */
const unroutable = (route: Route): InferenceError => internal(`endpoint '${route.endpoint}' has no handler`);
