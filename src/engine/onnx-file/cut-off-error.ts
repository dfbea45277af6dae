/** The error of a model file that ends too early, such as one that is still being copied. */

import { InferenceError } from '../../errors.ts';

/** Always `invalid_argument`; the message says where the file ends. */
export class CutOffError extends InferenceError {}
