/**
 * An answer names its model, and name and datatype of each output. Answers of a model mostly name the same, so both
 * frontends keep the last ones as they write them. Shapes are not in it, because they may be different each time.
 */

import type { InferenceResponse } from '../../inference/response.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** Models of which something is kept; when there are more, all is made anew. */
const maxModels = 2048;

/** Kept of a model: its callers may ask for different outputs. */
const keptOfModel = 4;

/** More outputs are not kept: they take long to compare. */
const maxOutputs = 16;

/** Neither are names of more characters together. */
const maxCharacters = 2048;

export type NamedOutput = Pick<Tensor, 'name' | 'datatype'>;

export type NamedModel = Pick<InferenceResponse, 'modelName' | 'modelVersion'>;

class Known<Written> {
  readonly #modelVersion: string;
  readonly #outputs: readonly NamedOutput[];
  readonly written: Written;

  constructor(modelVersion: string, outputs: readonly NamedOutput[], written: Written) {
    this.#modelVersion = modelVersion;
    // Without their contents, whose memory is the engine's.
    this.#outputs = outputs.map(({ name, datatype }) => ({ name, datatype }));
    this.written = written;
  }

  isOf(modelVersion: string, outputs: readonly NamedOutput[]): boolean {
    const known = this.#outputs;
    if (modelVersion !== this.#modelVersion || outputs.length !== known.length) return false;
    for (let i = 0; i < known.length; i++) {
      const { name, datatype } = known[i] as NamedOutput;
      const output = outputs[i] as NamedOutput;
      if (output.name !== name || output.datatype !== datatype) return false;
    }
    return true;
  }
}

/** The last ones of a model. */
class KnownOfModel<Written> {
  readonly #kept: Known<Written>[] = [];
  #oldest = 0;

  find(modelVersion: string, outputs: readonly NamedOutput[]): Known<Written> | null {
    const kept = this.#kept;
    for (let i = 0; i < kept.length; i++) {
      const known = kept[i] as Known<Written>;
      if (known.isOf(modelVersion, outputs)) return known;
    }
    return null;
  }

  /** In place of the oldest. */
  keep(known: Known<Written>): void {
    this.#kept[this.#oldest] = known;
    this.#oldest = (this.#oldest + 1) % keptOfModel;
  }
}

/** One for each protocol and thread. */
export class KnownAnswers<Written> {
  readonly #write: (model: NamedModel, outputs: readonly NamedOutput[]) => Written;
  readonly #models = new Map<string, KnownOfModel<Written>>();

  /** @param write makes what is kept, which never changes. */
  constructor(write: (model: NamedModel, outputs: readonly NamedOutput[]) => Written) {
    this.#write = write;
  }

  /** @param outputs as they are sent: a classified one is BYTES. */
  of(model: NamedModel, outputs: readonly NamedOutput[]): Written {
    const { modelName, modelVersion } = model;
    let ofModel = this.#models.get(modelName);
    const known = ofModel?.find(modelVersion, outputs) ?? null;
    if (known !== null) return known.written;
    const written = this.#write(model, outputs);
    if (outputs.length > maxOutputs || charactersOf(model, outputs) > maxCharacters) return written;
    if (ofModel === undefined) {
      if (this.#models.size === maxModels) this.#models.clear();
      ofModel = new KnownOfModel();
      this.#models.set(modelName, ofModel);
    }
    ofModel.keep(new Known(modelVersion, outputs, written));
    return written;
  }
}

const charactersOf = ({ modelName, modelVersion }: NamedModel, outputs: readonly NamedOutput[]): number =>
  outputs.reduce((sum, { name }) => sum + name.length, modelName.length + modelVersion.length);
