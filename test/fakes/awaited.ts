/** The one answer of a request as a promise, for tests that wait for it. */

import type { InferenceContext } from '../../src/inference/context.ts';
import type { Infer } from '../../src/inference/infer.ts';
import type { InferenceRequest } from '../../src/inference/request.ts';
import type { InferenceResponse } from '../../src/inference/response.ts';

/** Resolves with the final response; rejects with the failure, and with a plain error for a response that is not final. */
export const awaited = (
  infer: Infer,
  request: InferenceRequest,
  context: InferenceContext,
): Promise<InferenceResponse> =>
  new Promise((resolve, reject) => {
    infer(request, context, {
      next: (response, isFinal) => (isFinal ? resolve(response) : reject(new Error('got one response of several'))),
      fail: reject,
    });
  });
