/**
 * ModelInferRequest on the wire → `InferenceRequest`, by hand: raw tensors are views on the received message, nothing is
 * copied and no message objects are made in between. Checks the form of a request; whether it fits its model is
 * admission's question.
 */

import { invalidArgument } from '../../errors.ts';
import { type InferenceRequest, noParameters, type RequestedOutput } from '../../inference/request.ts';
import { RequestParameters } from '../v2/parameters.ts';
import { readParameterEntry } from './parameter-entry.ts';
import { addRequestParameter, grpcDialect } from './request-parameters.ts';
import {
  type DecodedTensor,
  maxRepeated,
  rawAwaited,
  readInput,
  readRequestedOutput,
  tooMany,
} from './request-tensors.ts';
import { WireReader } from './wire-reader.ts';

/** Up to this many names a comparison of each with each is cheaper than a set. */
const maxComparedNames = 16;

const noOutputs: readonly RequestedOutput[] = [];

/**
 * @param message One whole message; the request keeps views on it, so it must not be reused before the answer.
 * @param forwarded The parameters that forwarded headers became, or null when there are none.
 * @throws InferenceError `invalid_argument`, or `not_found` for a region of shared memory. Nothing else.
 */
export function decodeInferRequest(message: Buffer, forwarded: RequestParameters | null): InferenceRequest {
  const reader = new WireReader(message);
  const inputs: DecodedTensor[] = [];
  let parameters = forwarded;
  let parameterCount = 0;
  let outputs: RequestedOutput[] | null = null;
  let modelName = '';
  let modelVersion = '';
  let id = '';
  let typedName: string | null = null;
  let isRawSeen = false;
  let awaiting = 0;
  let early: Uint8Array[] | null = null;

  while (reader.at < reader.limit) {
    const tag = reader.readTag();
    switch (tag) {
      case 0x0a:
        modelName = reader.readName();
        break;
      case 0x12:
        modelVersion = reader.readName();
        break;
      case 0x1a:
        id = reader.readText();
        break;
      case 0x22:
        if (++parameterCount > maxRepeated) throw tooMany('parameters');
        parameters ??= new RequestParameters(grpcDialect);
        addRequestParameter(parameters, readParameterEntry(reader));
        break;
      case 0x2a: {
        if (inputs.length === maxRepeated) throw tooMany('inputs');
        const input = readInput(reader, modelName);
        if (input.data !== rawAwaited) typedName ??= input.name;
        inputs.push(input);
        break;
      }
      case 0x32:
        outputs ??= [];
        if (outputs.length === maxRepeated) throw tooMany('outputs');
        outputs.push(readRequestedOutput(reader));
        break;
      case 0x3a: {
        isRawSeen = true;
        const raw = reader.readBytes();
        while (awaiting < inputs.length && (inputs[awaiting] as DecodedTensor).data !== rawAwaited) awaiting++;
        if (early === null && awaiting < inputs.length) {
          (inputs[awaiting++] as DecodedTensor).data = raw;
        } else {
          early ??= [];
          if (early.length === maxRepeated) throw tooMany('raw_input_contents');
          early.push(raw);
        }
        break;
      }
      default:
        reader.skipUnknown(tag, 7);
    }
  }

  if (isRawSeen && typedName !== null) {
    throw invalidArgument(
      `contents field must not be specified when using raw_input_contents for '${typedName}' for model '${modelName}'`,
    );
  }
  settleRaw(inputs, early, modelName);
  refuseRepeated(inputs, 'input');
  if (outputs !== null) refuseRepeated(outputs, 'output');
  return {
    modelName,
    modelVersion,
    id,
    inputs,
    outputs: outputs ?? noOutputs,
    parameters: parameters === null ? noParameters : parameters.custom,
    priority: parameters === null ? 0 : parameters.priority,
    timeoutUs: parameters === null ? 0 : parameters.timeoutUs,
    sequence: parameters === null ? null : parameters.sequence,
  };
}

/** The id of a request that was refused before it was decoded, or could not be: whatever of it can be found, or ''. */
export function requestIdOf(message: Buffer): string {
  const reader = new WireReader(message);
  let id = '';
  try {
    while (reader.at < reader.limit) {
      const tag = reader.readTag();
      if (tag === 0x1a) id = reader.readText();
      else reader.skipUnknown(tag, 0);
    }
  } catch {
    // The caller has an error to tell already; this one would not help anybody.
  }
  return id;
}

/** Gives raw entries that came before their inputs to them; refuses inputs without data and data without inputs. */
function settleRaw(inputs: readonly DecodedTensor[], early: readonly Uint8Array[] | null, modelName: string): void {
  let taken = 0;
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i] as DecodedTensor;
    if (input.data !== rawAwaited) continue;
    const raw = early?.[taken++];
    if (raw === undefined) {
      throw invalidArgument(
        `unable to find data for input tensor '${input.name}' for model '${modelName}' in request.`,
      );
    }
    input.data = raw;
  }
  if (early !== null && taken < early.length) {
    throw invalidArgument(
      `unexpected raw_input_contents for model '${modelName}': ${early.length - taken} more than inputs that take one`,
    );
  }
}

function refuseRepeated(named: readonly { readonly name: string }[], kind: 'input' | 'output'): void {
  if (named.length > maxComparedNames) {
    const seen = new Set<string>();
    for (const { name } of named) {
      if (seen.has(name)) throw repeated(kind, name);
      seen.add(name);
    }
    return;
  }
  for (let i = 1; i < named.length; i++) {
    const name = (named[i] as { readonly name: string }).name;
    for (let k = 0; k < i; k++) if ((named[k] as { readonly name: string }).name === name) throw repeated(kind, name);
  }
}

const repeated = (kind: string, name: string) => invalidArgument(`${kind} '${name}' already exists in request`);
