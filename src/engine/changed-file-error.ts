/** The error of a model whose file, or external data, was replaced or written to while it was opened. */

import { InferenceError } from '../errors.ts';

/** Always `unavailable`; the message names the file. */
export class ChangedFileError extends InferenceError {
  constructor(fileName: string) {
    super('unavailable', `'${fileName}' changed while the model was opened; it is to be loaded again`);
  }
}
