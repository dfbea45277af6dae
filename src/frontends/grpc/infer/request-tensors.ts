/**
 * The two nested messages of ModelInferRequest: an input tensor, with typed contents if it has any, and a requested
 * output.
 */

import { invalidArgument } from '../../../errors.ts';
import type { RequestedOutput } from '../../../inference/request.ts';
import type { TensorParameters } from '../../../inference/request-fields.ts';
import { requestLimits } from '../../../inference/request-limits.ts';
import { shownText } from '../../../shown-text.ts';
import { datatypeNames, datatypeOf } from '../../../tensor/datatype.ts';
import { elementCount, shapeText } from '../../../tensor/shape.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import { namesRegion, refuseRegion } from './region-reference.ts';
import { TensorParameterReader } from './request-parameters.ts';
import { TypedContents } from './typed-contents.ts';
import type { WireReader } from '../wire/reader.ts';

/** A tensor whose raw data is filled in when its entry is found. */
export interface DecodedTensor extends Tensor {
  data: Uint8Array;
}

/** A placeholder in an input until its raw entry is found; recognised by identity. */
export const rawAwaited = new Uint8Array(0);

/** An input whose typed contents are not read to their end. */
export class TypedInput {
  readonly #input: DecodedTensor;
  readonly #contents: TypedContents;
  readonly #modelName: string;

  constructor(input: DecodedTensor, contents: TypedContents, modelName: string) {
    this.#input = input;
    this.#contents = contents;
    this.#modelName = modelName;
  }

  /** Memory that it has taken so far. */
  get heldBytes(): number {
    return this.#contents.data.length;
  }

  /** As `TypedContents.read`; gives the input its data at the end. */
  read(work: number): number {
    const left = this.#contents.read(work);
    if (left > 0) this.#input.data = checkedContents(this.#contents.data, this.#input, this.#modelName);
    return left;
  }
}

/** A placeholder in an input whose typed contents are not read yet. */
const typedAwaited = new Uint8Array(0);

/**
 * Reads the InferInputTensor whose length follows.
 *
 * @param modelName For error messages.
 * @param later gets inputs whose `contents` are to be read later; null reads them at once.
 * @returns `data` is `rawAwaited`, or new bytes made from `contents`.
 */
export function readInput(reader: WireReader, modelName: string, later: TypedInput[] | null): DecodedTensor {
  let name = '';
  let datatypeName = '';
  const shape: number[] = [];
  let contents: number[] | null = null;
  let parameters: TensorParameterReader | null = null;
  const outer = reader.enter();
  while (reader.at < reader.limit) {
    reader.countField();
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
        parameters ??= new TensorParameterReader('input');
        parameters.read(reader);
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
  if (name === '') {
    throw invalidArgument(
      `unexpected inference input '' for model '${shownText(modelName)}': an input tensor has no name`,
    );
  }
  const datatype = datatypeOf(datatypeName) ?? refuseDatatype(datatypeName, name);
  if (parameters !== null) refuseRegionOf(parameters.settle(name), name, contents !== null, modelName);
  if (contents === null) return { name, datatype, shape, data: rawAwaited };
  const typed = new TypedContents(reader, contents, datatype, name, modelName);
  const input: DecodedTensor = { name, datatype, shape, data: typedAwaited };
  if (later === null) {
    typed.read(Number.POSITIVE_INFINITY);
    input.data = checkedContents(typed.data, input, modelName);
  } else later.push(new TypedInput(input, typed, modelName));
  return input;
}

function checkedContents(data: Uint8Array, { name, shape }: Tensor, modelName: string): Uint8Array {
  if (data.length > 0 || elementCount(shape) === 0) return data;
  throw invalidArgument(
    `input byte size mismatch for input '${shownText(name)}' for model '${shownText(modelName)}'. ` +
      `Expected the elements of shape ${shapeText(shape)}, got contents without any`,
  );
}

/** Reads the InferRequestedOutputTensor whose length follows. */
export function readRequestedOutput(reader: WireReader): RequestedOutput {
  let name = '';
  let parameters: TensorParameterReader | null = null;
  const outer = reader.enter();
  while (reader.at < reader.limit) {
    reader.countField();
    const tag = reader.readTag();
    if (tag === 0x0a) name = reader.readName();
    else if (tag === 0x12) {
      parameters ??= new TensorParameterReader('output');
      parameters.read(reader);
    } else reader.skipUnknown(tag, 2);
  }
  reader.leave(outer);
  return { name, classificationCount: parameters === null ? 0 : classificationCount(parameters.settle(name), name) };
}

function pushDim(reader: WireReader, shape: number[], name: string): void {
  reader.readVarint();
  const dim = reader.signed();
  if (dim === null) {
    const exact = BigInt.asIntN(64, (BigInt(reader.high) << 32n) | BigInt(reader.low));
    throw invalidArgument(
      `input '${shownText(name)}' has the dimension ${exact}, expected at most ${Number.MAX_SAFE_INTEGER}`,
    );
  }
  if (shape.length === requestLimits.rank) {
    throw invalidArgument(`input '${shownText(name)}' has more than ${requestLimits.rank} dimensions`);
  }
  shape.push(dim);
}

function refuseDatatype(given: string, input: string): never {
  throw invalidArgument(
    `inference input '${shownText(input)}' data-type is '${shownText(given)}', expected one of ${datatypeNames.join(', ')}`,
  );
}

function refuseRegionOf(parameters: TensorParameters, name: string, hasContents: boolean, modelName: string): void {
  if (!namesRegion(parameters)) return;
  if (hasContents && parameters.region !== null) {
    throw invalidArgument(
      `unexpected 'content' provided when using shared memory for input tensor '${shownText(name)}' for model '${shownText(modelName)}'`,
    );
  }
  refuseRegion(parameters, name);
}

/** The wanted number of classes; 0 for the tensor itself. */
function classificationCount(parameters: TensorParameters, output: string): number {
  const { classificationCount: count, region } = parameters;
  if (count !== null && count <= 0) {
    throw invalidArgument(`invalid value for 'classification' parameter, expected >= 0`);
  }
  if (!namesRegion(parameters)) return count ?? 0;
  if (region !== null && count !== null) {
    throw invalidArgument(`output can't set both 'shared_memory_region' and 'classification'`);
  }
  refuseRegion(parameters, output);
}
