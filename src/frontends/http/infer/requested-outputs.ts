/** The `outputs` of an inference request: their names, as classes or tensors, in JSON or binary. */

import { type InferenceError, invalidArgument, notFound } from '../../../errors.ts';
import type { RequestedOutput } from '../../../inference/request.ts';
import { TensorParameters } from '../../../inference/request-fields.ts';
import { describedBytes, requestLimits, tooMany } from '../../../inference/request-limits.ts';
import { shownText } from '../../../shown-text.ts';
import { readName, readOutputParameters } from './request-parameters.ts';
import { missingMember, repeatedMember } from '../json/errors.ts';
import type { JsonReader } from '../json/reader.ts';

export interface RequestedOutputs {
  /** Empty means all outputs. */
  readonly requested: readonly RequestedOutput[];
  /**
   * Those whose data is wanted in binary. One that is listed and does not say so is written as JSON, whatever the
   * default for outputs that are not listed.
   */
  readonly binaryNames: ReadonlySet<string>;
}

const noNames: ReadonlySet<string> = new Set();

export const allOutputs: RequestedOutputs = { requested: [], binaryNames: noNames };

export function readOutputs(reader: JsonReader): RequestedOutputs {
  const requested: RequestedOutput[] = [];
  const binary: string[] = [];
  let textBytes = 0;
  for (let more = reader.firstElement('outputs'); more; more = reader.nextElement()) {
    const { name, classificationCount, isBinary } = readOutput(reader);
    if (requested.length === requestLimits.tensors) throw tooMany('outputs', requestLimits.tensors);
    requested.push({ name, classificationCount });
    textBytes = describedBytes(textBytes, name, 0, 'outputs');
    if (isBinary) binary.push(name);
  }
  return { requested, binaryNames: setOf(binary) };
}

/** The names of more outputs are not remembered: they would stay in memory. */
const maxRemembered = 16;

/** The last set of names: most requests want the same outputs as the one before. */
let lastNames: readonly string[] = [];
let lastSet = noNames;

function setOf(names: readonly string[]): ReadonlySet<string> {
  if (names.length === 0) return noNames;
  if (names.length > maxRemembered) return new Set(names);
  if (!areSame(names, lastNames)) {
    lastNames = names;
    lastSet = new Set(names);
  }
  return lastSet;
}

function areSame(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const noParameters = new TensorParameters();

function readOutput(reader: JsonReader): RequestedOutput & { readonly isBinary: boolean } {
  let name: string | null = null;
  let parameters: TensorParameters | null = null;
  for (let key = reader.firstKey('outputs'); key !== null; key = reader.nextKey()) {
    if (key === 'name') {
      if (name !== null) throw repeatedMember(key);
      name = readName(reader, key);
    } else if (key === 'parameters') {
      if (parameters !== null) throw repeatedMember(key);
      parameters = readOutputParameters(reader);
    } else {
      reader.skip(3);
    }
  }
  if (name === null) throw missingMember('name');
  const { classificationCount, isBinary, region } = parameters ?? noParameters;
  if (region !== null) throw regionRefused(region, classificationCount !== null, isBinary === true);
  return { name, classificationCount: classificationCount ?? 0, isBinary: isBinary ?? false };
}

/** No region can be registered with this server, so none is found. */
function regionRefused(region: string, hasClassification: boolean, isBinary: boolean): InferenceError {
  if (hasClassification) {
    return invalidArgument("Output can't set both 'shared_memory_region' and 'classification'");
  }
  if (isBinary) return invalidArgument("Output can't set both 'shared_memory_region' and 'binary_data'");
  return notFound(`Unable to find shared memory region: '${shownText(region)}'`);
}
