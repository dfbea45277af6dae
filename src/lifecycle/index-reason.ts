/** The reason of a failure in the repository index: the error code in Triton's words, then the message. */

import type { ErrorCode, InferenceError } from '../errors.ts';

const codeWords: Readonly<Record<ErrorCode, string>> = {
  invalid_argument: 'Invalid argument',
  not_found: 'Not found',
  already_exists: 'Already exists',
  failed_precondition: 'Failed precondition',
  resource_exhausted: 'Unavailable',
  unavailable: 'Unavailable',
  deadline_exceeded: 'Deadline exceeded',
  cancelled: 'Cancelled',
  unimplemented: 'Unsupported',
  internal: 'Internal',
};

export const indexReason = (error: InferenceError): string => `${codeWords[error.code]}: ${error.message}`;
