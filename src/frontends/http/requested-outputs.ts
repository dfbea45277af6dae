/** The `outputs` of an inference request: which are wanted, as classes or tensors, in JSON or binary (http.md §5.1). */

import { type InferenceError, invalidArgument, notFound } from '../../errors.ts';
import type { RequestedOutput } from '../../inference/request.ts';
import { type JsonReader, missingMember, repeatedMember } from './json-reader.ts';
import { ListedNames } from './listed-names.ts';

export interface RequestedOutputs {
  /** Empty means all outputs. */
  readonly requested: readonly RequestedOutput[];
  /** Outputs that say themselves whether they want binary data; null when none does. */
  readonly binaryByName: ReadonlyMap<string, boolean> | null;
}

export const allOutputs: RequestedOutputs = { requested: [], binaryByName: null };

export function readOutputs(reader: JsonReader): RequestedOutputs {
  const requested: RequestedOutput[] = [];
  const names = new ListedNames('output');
  let binaryByName: Map<string, boolean> | null = null;
  for (let more = reader.firstElement('outputs'); more; more = reader.nextElement()) {
    const { name, classificationCount, isBinary } = readOutput(reader);
    names.add(name);
    requested.push({ name, classificationCount });
    if (isBinary !== null) {
      binaryByName ??= new Map();
      binaryByName.set(name, isBinary);
    }
  }
  return { requested, binaryByName };
}

interface OutputParameters {
  readonly classificationCount: number;
  readonly isBinary: boolean | null;
}

const noOutputParameters: OutputParameters = { classificationCount: 0, isBinary: null };

function readOutput(reader: JsonReader): RequestedOutput & OutputParameters {
  let name: string | null = null;
  let parameters: OutputParameters | null = null;
  for (let key = reader.firstKey('outputs'); key !== null; key = reader.nextKey()) {
    if (key === 'name') {
      if (name !== null) throw repeatedMember(key);
      name = reader.string(key);
    } else if (key === 'parameters') {
      if (parameters !== null) throw repeatedMember(key);
      parameters = readOutputParameters(reader);
    } else {
      reader.skip(3);
    }
  }
  if (name === null) throw missingMember('name');
  const { classificationCount, isBinary } = parameters ?? noOutputParameters;
  return { name, classificationCount, isBinary };
}

function readOutputParameters(reader: JsonReader): OutputParameters {
  let isBinary: boolean | null = null;
  let classificationCount: number | null = null;
  let region: string | null = null;
  for (let key = reader.firstKey('parameters'); key !== null; key = reader.nextKey()) {
    if (key === 'binary_data') {
      if (isBinary !== null) throw repeatedMember(key);
      isBinary = reader.boolean(key);
    } else if (key === 'classification') {
      if (classificationCount !== null) throw repeatedMember(key);
      classificationCount = reader.unsigned(key);
    } else if (key === 'shared_memory_region') {
      if (region !== null) throw repeatedMember(key);
      region = reader.string(key);
    } else if (key === 'shared_memory_byte_size' || key === 'shared_memory_offset') {
      reader.unsigned(key);
    } else {
      reader.skip(4);
    }
  }
  if (region !== null) throw regionRefused(region, classificationCount !== null, isBinary === true);
  return { classificationCount: classificationCount ?? 0, isBinary };
}

/** No region can be registered with this server, so whatever is named cannot be found. */
function regionRefused(region: string, hasClassification: boolean, isBinary: boolean): InferenceError {
  if (hasClassification) {
    return invalidArgument("Output can't set both 'shared_memory_region' and 'classification'");
  }
  if (isBinary) return invalidArgument("Output can't set both 'shared_memory_region' and 'binary_data'");
  return notFound(`Unable to find shared memory region: '${region}'`);
}
