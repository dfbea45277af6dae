/** Converts an exception of a method to the status that ends its call. */

import { InferenceError, toInferenceError } from '../../../errors.ts';
import type { Logger } from '../../../logger.ts';
import { errorStatus } from '../../error-status.ts';
import type { GrpcStatus } from './transport.ts';

/** Statuses that transports use themselves; the numbers of the gRPC specification. */
export const statusCode = {
  ok: 0,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

export const okStatus: GrpcStatus = { code: statusCode.ok, message: 'OK' };

/**
 * Clients refuse header blocks beyond 8 KiB and would show that refusal in place of our message, so a longer one is
 * truncated. Counted in percent-encoded form.
 */
const maxEncodedMessage = 6144;

const ellipsis = '…';

/** The status of an error. Unexpected errors are logged, because the caller gets only one sentence. */
export function statusOf(error: unknown, path: string, logger: Logger): GrpcStatus {
  const known = toInferenceError(error);
  if (!(error instanceof InferenceError)) logger.error({ method: path, error }, 'a gRPC method failed unexpectedly');
  return { code: errorStatus[known.code].grpc, message: statusMessage(known.message) };
}

/** Text that can be sent as `grpc-message`: valid Unicode and short enough. */
export function statusMessage(text: string): string {
  let message = text.replace(/\p{Surrogate}/gu, '\ufffd');
  while (encodeURI(message).length > maxEncodedMessage) {
    const kept = Math.floor((message.length * maxEncodedMessage) / encodeURI(message).length) - ellipsis.length;
    message = message.slice(0, kept).replace(/\p{Surrogate}|…$/gu, '') + ellipsis;
  }
  return message;
}
