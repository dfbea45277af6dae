/** Whether a model can take requests. As in Triton, unknown names get the answer "not ready" and no error. */

import { InferenceError } from '../../errors.ts';
import type { InferenceServer } from '../../server/inference-server.ts';

/** Null when the model, or that version of it, is ready; else the reason if it is known, or ''. */
export async function reasonNotReady(server: InferenceServer, model: string, version: string): Promise<string | null> {
  try {
    return (await server.isModelReady(model, version)) ? null : '';
  } catch (error) {
    if (error instanceof InferenceError && notReadyCodes.has(error.code)) return error.message;
    throw error;
  }
}

/** Codes of unknown models and versions, and of those that are being loaded or unloaded. */
const notReadyCodes: ReadonlySet<string> = new Set(['not_found', 'unavailable']);
