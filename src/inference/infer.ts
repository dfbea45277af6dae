/**
 * `Infer`, the one operation of the data plane; the sink that receives its answers; and the interceptors around it.
 */

import type { InferenceError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { InferenceContext } from './context.ts';
import type { InferenceRequest } from './request.ts';
import type { InferenceResponse } from './response.ts';

/**
 * Receives the answers of one request, on the event loop. A request ends exactly once, with a final response or with a
 * failure; no call follows. A sink does not throw.
 *
 * After the end the bytes of the request are not read any more, so their owner may reuse the memory. Therefore the sink
 * of a request that is cancelled while its batch runs is called only when the batch has ended. (Only a server that
 * gives up at its exit ends requests whose batches still run, because it accepts no new ones.)
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
  /** The request has failed. Earlier responses stay valid. */
  fail(error: InferenceError): void;
}

/** Gives the sink a response. One that throws all the same is logged, so that it harms no other request. */
export function giveResponse(sink: ResponseSink, response: InferenceResponse, isFinal: boolean, logger: Logger): void {
  try {
    sink.next(response, isFinal);
  } catch (thrown) {
    logger.error({ err: thrown }, sinkThrew);
  }
}

/** Tells the sink of a failure, as `giveResponse` gives a response. */
export function giveFailure(sink: ResponseSink, error: InferenceError, logger: Logger): void {
  try {
    sink.fail(error);
  } catch (thrown) {
    logger.error({ err: thrown }, sinkThrew);
  }
}

const sinkThrew = 'an answer could not be taken: the sink of a request threw';

/**
 * Answers a request through its sink, and never throws. The sink may be called before this returns: a refusal need
 * not wait.
 */
export type Infer = (request: InferenceRequest, context: InferenceContext, sink: ResponseSink) => void;

/**
 * Wraps inference: caches, limits, traces, shadow traffic. To see the answers, an interceptor wraps the sink as well.
 */
export type Interceptor = (next: Infer) => Infer;

/** The first interceptor becomes the outermost; without any, `infer` itself is returned and nothing is paid. */
export const compose = (interceptors: readonly Interceptor[], infer: Infer): Infer =>
  interceptors.reduceRight((next, interceptor) => interceptor(next), infer);
