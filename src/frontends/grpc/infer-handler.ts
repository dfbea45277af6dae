/** Unary ModelInfer: one request message in, one response message out. */

import { invalidArgument } from '../../errors.ts';
import type { InferenceResponse } from '../../inference/response.ts';
import type { Logger } from '../../logger.ts';
import type { InferenceServer } from '../../server/inference-server.ts';
import type { Clock } from '../../time.ts';
import { parametersWith, selectHeaders } from './forwarded-headers.ts';
import { decodeInferRequest } from './infer-request-codec.ts';
import { InferResponseMessage } from './infer-response-codec.ts';
import { type IsLeaving, leavingError } from './leaving.ts';
import { inferenceService } from './protocol.ts';
import type { OutgoingMessage, UnaryMethod } from './transport.ts';

/** What both infer rpcs need. */
export interface InferDependencies {
  readonly server: InferenceServer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly isLeaving: IsLeaving;
  readonly headerForwardPattern: RegExp | null;
  /** Larger responses are refused. */
  readonly maxMessageBytes: number;
}

export const inferMethod = (dependencies: InferDependencies): UnaryMethod => {
  const { server, isLeaving, headerForwardPattern, maxMessageBytes } = dependencies;
  const toMessage = (response: InferenceResponse): OutgoingMessage => responseMessage(response, false, maxMessageBytes);
  return {
    kind: 'unary',
    path: `/${inferenceService}/ModelInfer`,
    isCompressible: true,
    // Neither async nor a closure per request: both would be more garbage than the request itself.
    handle(message, call) {
      try {
        if (isLeaving()) throw leavingError();
        const forwarded =
          headerForwardPattern === null ? null : parametersWith(selectHeaders(call, headerForwardPattern));
        return server.infer(decodeInferRequest(message, forwarded), call).then(toMessage);
      } catch (error) {
        return Promise.reject(error);
      }
    },
  };
};

/** @throws InferenceError when it cannot be sent; the response is released then. */
export function responseMessage(
  response: InferenceResponse,
  isInStream: boolean,
  maxMessageBytes: number,
): InferResponseMessage {
  const message = new InferResponseMessage(response, isInStream);
  if (message.byteLength <= maxMessageBytes) return message;
  message.discard();
  throw invalidArgument(
    `Response has byte size ${message.byteLength} which exceeds gRPC's byte size limit ${maxMessageBytes}.`,
  );
}
