/** Converts errors of the addon to the server's error type. */

import { dirname, sep } from 'node:path';
import { errorCodes, InferenceError } from '../errors.ts';
import type { ModelFile } from './engine.ts';
import type { NativeError } from './native.ts';

/** A code of the addon; one that is unknown here is a bug and becomes `internal`. */
export const nativeFailure = (error: NativeError): InferenceError =>
  new InferenceError(errorCodes[error.code] ?? 'internal', error.message);

/** The same without the folders of the model, which must not be visible outside this machine. */
export function modelFailure(error: NativeError, file: ModelFile): InferenceError {
  let { message } = error;
  for (const folder of [file.folder, dirname(file.path)]) message = message.replaceAll(`${folder}${sep}`, '');
  return nativeFailure({ code: error.code, message });
}
