/** The error of a model whose file, or external data, was replaced or written to while it was read or opened. */

import { InferenceError } from '../errors.ts';

/** Always `unavailable`; the message names the file. To load the model again may succeed. */
export class ChangedFileError extends InferenceError {
  constructor(message: string) {
    super('unavailable', message);
  }
}
