/** Whether a model can take requests: as in Triton a question with an answer for every name, and no error for unknown ones. */

import { InferenceError } from '../../errors.ts';
import type { InferenceServer } from '../../server/inference-server.ts';

/** Null when the model, or that version of it, is ready; else why not, where that is known, or ''. */
export async function reasonNotReady(server: InferenceServer, model: string, version: string): Promise<string | null> {
  try {
    return (await server.isModelReady(model, version)) ? null : '';
  } catch (error) {
    if (error instanceof InferenceError && notReadyCodes.has(error.code)) return error.message;
    throw error;
  }
}

/** Unknown models and versions, and those that come or go. */
const notReadyCodes: ReadonlySet<string> = new Set(['not_found', 'unavailable']);
