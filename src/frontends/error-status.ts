/** The only table from error codes to the protocols' statuses; as Triton maps them. */

import type { ErrorCode } from '../errors.ts';

interface ErrorStatus {
  /** Number of the gRPC status. */
  readonly grpc: number;
  readonly http: number;
  /** Whether the same request may succeed a moment later. */
  readonly isRetryable: boolean;
}

/**
 * HTTP differs from the canonical mapping where Triton's clients expect it: 400 for `already_exists` and
 * `cancelled`, 503 for a full queue.
 */
export const errorStatus: Readonly<Record<ErrorCode, ErrorStatus>> = {
  invalid_argument: { grpc: 3, http: 400, isRetryable: false },
  not_found: { grpc: 5, http: 404, isRetryable: false },
  already_exists: { grpc: 6, http: 400, isRetryable: false },
  failed_precondition: { grpc: 9, http: 400, isRetryable: false },
  resource_exhausted: { grpc: 8, http: 503, isRetryable: true },
  unavailable: { grpc: 14, http: 503, isRetryable: true },
  deadline_exceeded: { grpc: 4, http: 504, isRetryable: true },
  cancelled: { grpc: 1, http: 400, isRetryable: true },
  unimplemented: { grpc: 12, http: 501, isRetryable: false },
  internal: { grpc: 13, http: 500, isRetryable: false },
};
