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
import type { CallContext, OutgoingMessage, UnaryMethod } from './transport.ts';

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

export const inferMethod = (dependencies: InferDependencies): UnaryMethod => ({
  kind: 'unary',
  path: `/${inferenceService}/ModelInfer`,
  isCompressible: true,
  handle: (message, call) => infer(dependencies, message, call),
});

async function infer(
  { server, isLeaving, headerForwardPattern, maxMessageBytes }: InferDependencies,
  message: Buffer,
  call: CallContext,
): Promise<OutgoingMessage> {
  if (isLeaving()) throw leavingError();
  const forwarded = headerForwardPattern === null ? null : parametersWith(selectHeaders(call, headerForwardPattern));
  const response = await server.infer(decodeInferRequest(message, forwarded), call);
  return responseMessage(response, false, maxMessageBytes);
}

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
