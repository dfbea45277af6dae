/** Errors for requests that were not run: Triton's sentences where it has one. */

import { cancelled, deadlineExceeded, type InferenceError, unavailable } from '../../errors.ts';
import { requestPrefix } from '../../inference/request-prefix.ts';

interface VersionIdentity {
  readonly modelName: string;
  readonly modelVersion: string;
}

export const scheduleRefusal = {
  closed: ({ modelName, modelVersion }: VersionIdentity): InferenceError =>
    unavailable(
      `version ${modelVersion} of model '${modelName}' is being unloaded: its scheduler has stopped accepting new ` +
        'inference requests',
    ),

  queueFull: (id: string): InferenceError => unavailable(`${requestPrefix(id)}Exceeds maximum queue size`),

  timeout: (): InferenceError => unavailable('Request timeout expired'),

  deadline: ({ modelName }: VersionIdentity): InferenceError =>
    deadlineExceeded(`Deadline Exceeded: the deadline passed before model '${modelName}' could run the request`),

  /** The caller has left, so there is no message. */
  cancelled: (): InferenceError => cancelled(''),
};
