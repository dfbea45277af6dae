/**
 * `Infer`, the one operation of the data plane; the sink that receives its answers; and the interceptors around it.
 */

import type { InferenceError } from '../errors.ts';
import type { InferenceContext } from './context.ts';
import type { InferenceRequest } from './request.ts';
import type { InferenceResponse } from './response.ts';

/**
 * Takes the answers of one request, on the event loop. A request ends exactly once: with a final response, or with a
 * failure; nothing follows either. A sink does not throw.
 *
 * With its end nobody reads the bytes of the request any more, so whoever owns them uses them again. Therefore a caller who
 * leaves while a batch reads its request is told when the batch is over. (Only a server that gives up at its exit ends
 * requests whose batches still run: it takes no new ones.)
 *
 * The call object of a protocol is its own sink, so that a request costs neither a promise nor a closure.
 */
export interface ResponseSink {
  /**
   * One response. The sink owns it: it calls `release()` when the bytes are written or copied.
   *
   * @param isFinal false where more responses follow, as for models that answer one request in several parts
   */
  next(response: InferenceResponse, isFinal: boolean): void;
  /** The request has failed. Responses that came before stay valid. */
  fail(error: InferenceError): void;
}

/**
 * Answers a request through its sink, and never throws. The sink may be called before this returns: what can be refused
 * at once is refused at once.
 */
export type Infer = (request: InferenceRequest, context: InferenceContext, sink: ResponseSink) => void;

/** Wraps the verb: caches, limits, traces, shadow traffic. Whoever wants to see the answers wraps the sink as well. */
export type Interceptor = (next: Infer) => Infer;

/** The first interceptor becomes the outermost; without any, the verb itself is given back and nothing is paid. */
export const compose = (interceptors: readonly Interceptor[], infer: Infer): Infer =>
  interceptors.reduceRight((next, interceptor) => interceptor(next), infer);
