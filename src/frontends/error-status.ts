/**
 * The only table from error codes to the protocols' statuses; as Triton maps them. Which of them a client should repeat is
 * in docs/protocol.md, "Errors".
 */

import type { ErrorCode } from '../errors.ts';
import { shownText } from '../shown-text.ts';

interface ErrorStatus {
  /** Number of the gRPC status. */
  readonly grpc: number;
  readonly http: number;
}

/**
 * HTTP differs from the canonical mapping where Triton's clients expect it: 400 for `already_exists` and
 * `cancelled`, 503 for a full queue.
 */
export const errorStatus: Readonly<Record<ErrorCode, ErrorStatus>> = {
  invalid_argument: { grpc: 3, http: 400 },
  not_found: { grpc: 5, http: 404 },
  already_exists: { grpc: 6, http: 400 },
  failed_precondition: { grpc: 9, http: 400 },
  resource_exhausted: { grpc: 8, http: 503 },
  unavailable: { grpc: 14, http: 503 },
  deadline_exceeded: { grpc: 4, http: 504 },
  cancelled: { grpc: 1, http: 400 },
  unimplemented: { grpc: 12, http: 501 },
  internal: { grpc: 13, http: 500 },
};

/** UTF-16 units of the message of one answer. Enough for a hundred faults of a configuration; the log has all of a message. */
const longestMessage = 16 * 1024;

/** The message of an error in the body of an answer: it may list much, each part of it of limited length. */
export const shownMessage = (message: string): string => shownText(message, longestMessage);
