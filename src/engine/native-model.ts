/** A model as the instances of its session see it. */

import type { ModelSignature } from '../model-config/signature.ts';

export interface NativeModel {
  readonly signature: ModelSignature;
  /** The addon's index of each input of the signature. */
  readonly nativeInputs: Int32Array;
  /** False where the time of a batch is not bounded by the size of its inputs. */
  readonly mayRunInline: boolean;
}
