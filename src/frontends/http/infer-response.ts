/**
 * An `InferenceResponse` to the body of the answer (http.md §5.5): JSON, and the bytes of binary outputs as the views
 * they are. Writing and releasing is `infer-handler.ts`.
 */

import type { ParameterValue } from '../../inference/request.ts';
import type { InferenceResponse, OutputTensor } from '../../inference/response.ts';
import type { Datatype } from '../../tensor/datatype.ts';
import type { Shape } from '../../tensor/shape.ts';
import { classify } from '../v2/classification.ts';
import type { DecodedInfer } from './infer-request.ts';
import { tensorText, tooLargeForJson } from './json-tensor-text.ts';

export interface EncodedInfer {
  readonly json: string;
  /** In the order of the outputs; views on the response, valid until its release. */
  readonly binary: readonly Uint8Array[];
  readonly binaryBytes: number;
}

const noBinary: readonly Uint8Array[] = [];

/** @throws InferenceError `invalid_argument` for outputs that cannot be given in the wanted form. */
export function encodeInferResponse(response: InferenceResponse, decoded: DecodedInfer): EncodedInfer {
  const { id, outputs, parameters } = response;
  const hasListed = decoded.request.outputs.length > 0;
  let json = id === '' ? '{' : `{"id":${JSON.stringify(id)},`;
  json += `"model_name":${JSON.stringify(response.modelName)},"model_version":"${response.modelVersion}"`;
  if (parameters.size > 0) json += `,"parameters":${parametersText(parameters)}`;
  json += ',"outputs":[';
  let binary: Uint8Array[] | null = null;
  let binaryBytes = 0;
  for (let i = 0; i < outputs.length; i++) {
    const output = outputs[i] as OutputTensor;
    const { name } = output;
    let datatype: Datatype = output.datatype;
    let shape: Shape = output.shape;
    let data = output.data;
    if (output.classificationCount > 0) {
      datatype = 'BYTES';
      ({ shape, data } = classify(output, response.isBatched));
    }
    json += `${i === 0 ? '' : ','}{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join()}],`;
    if (hasListed ? decoded.binaryNames.has(name) : decoded.isBinaryByDefault) {
      json += `"parameters":{"binary_data_size":${data.length}}}`;
      binary ??= [];
      binary.push(data);
      binaryBytes += data.length;
    } else {
      json = appended(json, tensorText(name, datatype, data), name);
    }
  }
  return { json: `${json}]}`, binary: binary ?? noBinary, binaryBytes };
}

/** Several outputs can be too much together although each fits a string. */
function appended(json: string, text: string, name: string): string {
  if (json.length + text.length > 500_000_000) throw tooLargeForJson(name);
  return `${json}"data":${text}}`;
}

function parametersText(parameters: ReadonlyMap<string, ParameterValue>): string {
  const members: string[] = [];
  for (const [key, value] of parameters) {
    members.push(`${JSON.stringify(key)}:${typeof value === 'string' ? JSON.stringify(value) : String(value)}`);
  }
  return `{${members.join()}}`;
}
