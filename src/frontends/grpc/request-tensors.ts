/** The two nested messages of ModelInferRequest: an input tensor, with its data where it is typed, and a wanted output. */

import { type InferenceError, invalidArgument } from '../../errors.ts';
import type { RequestedOutput } from '../../inference/request.ts';
import { datatypeNames, datatypeOf } from '../../tensor/datatype.ts';
import { elementCount, shapeText } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type ParameterEntry, readParameterEntry } from './parameter-entry.ts';
import { addRegionParameter, type RegionReference, refuseRegion } from './region-reference.ts';
import { readTypedContents } from './typed-contents.ts';
import type { WireReader } from './wire-reader.ts';

/** More tensors or parameters than any model has would only cost memory: a few bytes become an object each. */
export const maxRepeated = 65_536;

/** ONNX Runtime and the protocol's clients stop far below. */
const maxRank = 128;

/** A tensor whose raw data is filled in when its entry is found. */
export interface DecodedTensor extends Tensor {
  data: Uint8Array;
}

/** Stands in an input until its raw entry is found; told apart by identity. */
export const rawAwaited = new Uint8Array(0);

export const tooMany = (what: string): InferenceError =>
  invalidArgument(`the request has more than ${maxRepeated} ${what}`);

/**
 * Reads the InferInputTensor whose length follows.
 *
 * @param modelName For error messages.
 * @returns `data` is `rawAwaited`, or new bytes made from `contents`.
 */
export function readInput(reader: WireReader, modelName: string): DecodedTensor {
  let name = '';
  let datatypeName = '';
  const shape: number[] = [];
  let contents: number[] | null = null;
  let entries: ParameterEntry[] | null = null;
  const outer = reader.enter();
  while (reader.at < reader.limit) {
    const tag = reader.readTag();
    switch (tag) {
      case 0x0a:
        name = reader.readName();
        break;
      case 0x12:
        datatypeName = reader.readName();
        break;
      case 0x1a: {
        const packed = reader.enter();
        while (reader.at < reader.limit) pushDim(reader, shape, name);
        reader.leave(packed);
        break;
      }
      case 0x18:
        pushDim(reader, shape, name);
        break;
      case 0x22:
        entries = pushEntry(reader, entries);
        break;
      case 0x2a: {
        const length = reader.readLength();
        contents ??= [];
        contents.push(reader.at, reader.at + length);
        reader.advance(length);
        break;
      }
      default:
        reader.skipUnknown(tag, 5);
    }
  }
  reader.leave(outer);
  if (name === '') throw invalidArgument(`an input tensor of the request for model '${modelName}' has no name`);
  const datatype = datatypeOf(datatypeName) ?? refuseDatatype(datatypeName, name);
  if (entries !== null) refuseRegionOf(entries, name, contents !== null, modelName);
  if (contents === null) return { name, datatype, shape, data: rawAwaited };
  const data = readTypedContents(reader, contents, datatype, name, modelName);
  if (data.length === 0 && elementCount(shape) !== 0) {
    throw invalidArgument(
      `input byte size mismatch for input '${name}' for model '${modelName}'. ` +
        `Expected the elements of shape ${shapeText(shape)}, got contents without any`,
    );
  }
  return { name, datatype, shape, data };
}

/** Reads the InferRequestedOutputTensor whose length follows. */
export function readRequestedOutput(reader: WireReader): RequestedOutput {
  let name = '';
  let entries: ParameterEntry[] | null = null;
  const outer = reader.enter();
  while (reader.at < reader.limit) {
    const tag = reader.readTag();
    if (tag === 0x0a) name = reader.readName();
    else if (tag === 0x12) entries = pushEntry(reader, entries);
    else reader.skipUnknown(tag, 2);
  }
  reader.leave(outer);
  if (name === '') throw invalidArgument('a requested output has no name');
  return { name, classificationCount: entries === null ? 0 : classificationCount(entries, name) };
}

function pushEntry(reader: WireReader, entries: ParameterEntry[] | null): ParameterEntry[] {
  const known = entries ?? [];
  if (known.length === maxRepeated) throw tooMany('parameters of one tensor');
  known.push(readParameterEntry(reader));
  return known;
}

function pushDim(reader: WireReader, shape: number[], name: string): void {
  reader.readVarint();
  const dim = reader.signed();
  if (dim === null) {
    const exact = BigInt.asIntN(64, (BigInt(reader.high) << 32n) | BigInt(reader.low));
    throw invalidArgument(`input '${name}' has the dimension ${exact}, expected at most ${Number.MAX_SAFE_INTEGER}`);
  }
  if (shape.length === maxRank) throw invalidArgument(`input '${name}' has more than ${maxRank} dimensions`);
  shape.push(dim);
}

function refuseDatatype(given: string, input: string): never {
  const shown = given.length > 32 ? `${given.slice(0, 32)}…` : given;
  throw invalidArgument(
    `inference input '${input}' data-type is '${shown}', expected one of ${datatypeNames.join(', ')}`,
  );
}

function refuseRegionOf(
  entries: readonly ParameterEntry[],
  name: string,
  hasContents: boolean,
  modelName: string,
): void {
  let region: RegionReference | null = null;
  for (const entry of entries) region = addRegionParameter(region, entry, name);
  if (region === null) return;
  if (hasContents && region.region !== null) {
    throw invalidArgument(
      `unexpected 'content' provided when using shared memory for input tensor '${name}' for model '${modelName}'`,
    );
  }
  refuseRegion(region, name);
}

/** The wanted number of classes; 0 for the tensor itself. */
function classificationCount(entries: readonly ParameterEntry[], output: string): number {
  let region: RegionReference | null = null;
  let count = 0;
  for (const entry of entries) {
    region = addRegionParameter(region, entry, output);
    if (entry.key !== 'classification') continue;
    if (entry.kind !== 'int64') {
      throw invalidArgument(`invalid value type for 'classification' parameter, expected int64_param`);
    }
    // Beyond 2^53 it means "all classes" just as well.
    count = Number(entry.value);
    if (count <= 0) throw invalidArgument(`invalid value for 'classification' parameter, expected >= 0`);
  }
  if (region === null) return count;
  if (region.region !== null && count > 0) {
    throw invalidArgument(`output can't set both 'shared_memory_region' and 'classification'`);
  }
  refuseRegion(region, output);
}
