/** The one verb of the data plane and how it is wrapped. */

import type { InferenceContext } from './context.ts';
import type { InferenceRequest } from './request.ts';
import type { InferenceResponse } from './response.ts';

/** Answers a request or rejects with an `InferenceError`. The receiver of the response owns its `release()`. */
export type Infer = (request: InferenceRequest, context: InferenceContext) => Promise<InferenceResponse>;

/** Wraps the verb: caches, limits, traces, shadow traffic. */
export type Interceptor = (next: Infer) => Infer;

/** The first interceptor becomes the outermost. */
export const compose = (interceptors: readonly Interceptor[], infer: Infer): Infer =>
  interceptors.reduceRight((next, interceptor) => interceptor(next), infer);
