/** Converts errors of the addon to the server's error type. */

import { errorCodes, InferenceError } from '../errors.ts';
import { withoutFolders, withoutKnownFolders } from './file-names.ts';
import type { NativeError } from './native.ts';

/** With the whole text, for whoever starts the server. A code that is unknown here is a bug and becomes `internal`. */
export const startFailure = ({ code, message }: NativeError): InferenceError =>
  new InferenceError(errorCodes[code] ?? 'internal', message);

/** For a caller: without the folders of this machine. The cause keeps the whole text for the log. */
function callerFailure({ code, message }: NativeError, shown: string): InferenceError {
  const cause = shown === message ? undefined : new Error(message);
  return new InferenceError(errorCodes[code] ?? 'internal', shown, cause);
}

/** An error about a run, or about an instance. */
export const nativeFailure = (error: NativeError): InferenceError =>
  callerFailure(error, withoutKnownFolders(error.message));

/** An error about a model that is loaded. @param folders of its files, however they are named in the text. */
export const modelFailure = async (error: NativeError, folders: ReadonlySet<string>): Promise<InferenceError> =>
  callerFailure(error, await withoutFolders(error.message, folders));
