/**
 * The one error type of the server. Every failure that a caller may see is an `InferenceError`;
 * `frontends/error-status.ts` maps its code to the statuses of the protocols.
 */

/** Ten codes, spelled as the canonical gRPC names in lower case. */
export const errorCodes = [
  'invalid_argument',
  'not_found',
  'already_exists',
  'failed_precondition',
  'resource_exhausted',
  'unavailable',
  'deadline_exceeded',
  'cancelled',
  'unimplemented',
  'internal',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/**
 * A failure with a code and one sentence for the caller: the subject, what was expected, what was given. Never tensor
 * values, stacks or absolute paths.
 */
export class InferenceError extends Error {
  override readonly name = 'InferenceError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

const constructorOf =
  (code: ErrorCode) =>
  (message: string, cause?: unknown): InferenceError =>
    new InferenceError(code, message, cause);

export const invalidArgument = constructorOf('invalid_argument');
export const notFound = constructorOf('not_found');
export const alreadyExists = constructorOf('already_exists');
export const failedPrecondition = constructorOf('failed_precondition');
export const resourceExhausted = constructorOf('resource_exhausted');
export const unavailable = constructorOf('unavailable');
export const deadlineExceeded = constructorOf('deadline_exceeded');
export const cancelled = constructorOf('cancelled');
export const unimplemented = constructorOf('unimplemented');
export const internal = constructorOf('internal');

/** The only catch-all: an `InferenceError` passes, anything else becomes `internal` and keeps its cause for the log. */
export function toInferenceError(error: unknown): InferenceError {
  if (error instanceof InferenceError) return error;
  return internal(error instanceof Error ? withoutFolders(error) : String(error), error);
}

/** Errors of the file system contain the path of this machine that they are about; a caller may see the name of the file. */
function withoutFolders({ message, path, dest }: Error & { readonly path?: unknown; readonly dest?: unknown }): string {
  let text = message;
  for (const named of [path, dest]) {
    if (typeof named === 'string' && named.includes('/'))
      text = text.replaceAll(named, named.replace(/^.*\/(?=.)/s, ''));
  }
  return text;
}

/**
 * The text of the first cause, which may contain paths of this machine: a field for the log, never for callers. No field
 * where it says no more than the error itself.
 */
export function causeField(error: Error): { readonly cause?: string } {
  let first: Error = error;
  while (first.cause instanceof Error) first = first.cause;
  return error.message.includes(first.message) ? {} : { cause: first.message };
}

/** For the impossible arm of an exhaustive `switch`. */
export function assertNever(value: never): never {
  throw new Error(`unreachable: ${String(value)}`);
}
