/** The error of a model file that ends too early: one that is still being copied is such a file. */

import { InferenceError } from '../../errors.ts';

/** Always `invalid_argument`; the message says where the file ends. */
export class CutOffError extends InferenceError {}
