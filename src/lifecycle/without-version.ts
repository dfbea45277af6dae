/** A model none of whose versions can serve. Triton says so in another sentence than that of a model that cannot be read. */

import { InferenceError } from '../errors.ts';

export const withoutVersionText = (model: string): string =>
  `at least one version must be available under the version policy of model '${model}'`;

/** The only fault of a model; `message` is the reason as the index shows it. */
export class WithoutVersionError extends InferenceError {
  constructor(reason: string) {
    super('invalid_argument', reason);
  }

  /** The text of the load call. */
  forLoad(model: string): InferenceError {
    return new InferenceError(this.code, `load failed for model '${model}': ${this.message}\n`, this);
  }
}
