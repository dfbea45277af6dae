/** The `inputs` of an inference request: each from JSON numbers or from the binary part behind the JSON. */

import { type InferenceError, invalidArgument, notFound } from '../../../errors.ts';
import { TensorParameters } from '../../../inference/request-fields.ts';
import { describedBytes, requestLimits, tooMany } from '../../../inference/request-limits.ts';
import { shownText } from '../../../shown-text.ts';
import { type Datatype, datatypeNames, datatypeOf, datatypes } from '../../../tensor/datatype.ts';
import { elementCount, type Shape, shapeText } from '../../../tensor/shape.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import { readInputParameters, readName } from './request-parameters.ts';
import { missingMember, repeatedMember } from '../json/errors.ts';
import type { JsonReader } from '../json/reader.ts';
import { passOverTensorData, readTensorData } from '../json/tensor-elements.ts';
import { TensorSlices } from '../json/tensor-slices.ts';

const int64Max = '9223372036854775807';

/** The bytes behind the JSON part, handed out in the order of the inputs as views on the body. */
export class BinaryPart {
  readonly #body: Buffer;
  readonly #isAbsent: boolean;
  readonly #modelName: string;
  #at: number;
  /** Inputs that have their bytes from here. */
  taken = 0;

  /** @param start where it begins; null when the whole body is JSON. */
  constructor(body: Buffer, start: number | null, modelName: string) {
    this.#body = body;
    this.#isAbsent = start === null;
    this.#modelName = modelName;
    this.#at = start ?? body.length;
  }

  take(inputName: string, byteSize: number): Uint8Array {
    if (this.#isAbsent) {
      throw invalidArgument(
        "must specify valid 'Infer-Header-Content-Length' in request header and 'binary_data_size' when passing inputs in binary data format",
      );
    }
    const end = this.#at + byteSize;
    const missingBytes = end - this.#body.length;
    if (missingBytes > 0) {
      throw invalidArgument(
        `unexpected size for input '${shownText(inputName)}', expecting ${missingBytes} additional bytes for model '${shownText(this.#modelName)}'`,
      );
    }
    const data = this.#body.subarray(this.#at, end);
    this.#at = end;
    this.taken++;
    return data;
  }

  /** @throws InferenceError `invalid_argument` when bytes are left over. */
  end(): void {
    if (this.#at === this.#body.length) return;
    throw invalidArgument(`unexpected additional input data for model '${shownText(this.#modelName)}'`);
  }
}

/** The progress of reading the inputs of a large request: complete ones are not read again. */
export class InputProgress {
  readonly slices = new TensorSlices();
  readonly inputs: Tensor[] = [];
  readonly binary: BinaryPart;
  /** The position after the last complete input; -1 before the first. */
  at = -1;
  /** Of the names and shapes of complete inputs. */
  textBytes = 0;

  constructor(binary: BinaryPart) {
    this.binary = binary;
  }
}

/** @param progress of a request that is read in several turns; throws `paused` when the turn has to end. */
export function readInputs(
  reader: JsonReader,
  binary: BinaryPart,
  maxInputBytes: number,
  progress: InputProgress | null,
): Tensor[] {
  const inputs = progress === null ? [] : progress.inputs;
  let textBytes = progress === null ? 0 : progress.textBytes;
  let more: boolean;
  if (progress === null || progress.at < 0) more = reader.firstElement('inputs');
  else {
    reader.at = progress.at;
    more = reader.nextElement();
  }
  for (; more; more = reader.nextElement()) {
    if (inputs.length === requestLimits.tensors) throw tooMany('inputs', requestLimits.tensors);
    const { at } = reader;
    const input = readInput(reader, binary, maxInputBytes, progress === null ? null : progress.slices);
    inputs.push(input);
    textBytes = describedBytes(textBytes, input.name, input.shape.length, 'inputs');
    if (progress === null) continue;
    progress.at = reader.at;
    progress.textBytes = textBytes;
    progress.slices.charge(reader.at - at);
  }
  return inputs;
}

function readInput(reader: JsonReader, binary: BinaryPart, maxInputBytes: number, slices: TensorSlices | null): Tensor {
  let name: string | null = null;
  let shape: Shape | null = null;
  let datatypeName: string | null = null;
  let parameters: TensorParameters | null = null;
  let dataAt = -1;
  let data: Uint8Array | null = null;
  for (let key = reader.firstKey('inputs'); key !== null; key = reader.nextKey()) {
    if (key === 'name') {
      if (name !== null) throw repeatedMember(key);
      name = readName(reader, key);
    } else if (key === 'shape') {
      if (shape !== null) throw repeatedMember(key);
      shape = readShape(reader);
    } else if (key === 'datatype') {
      if (datatypeName !== null) throw repeatedMember(key);
      datatypeName = readName(reader, key);
    } else if (key === 'parameters') {
      if (parameters !== null) throw repeatedMember(key);
      parameters = readInputParameters(reader);
    } else if (key === 'data') {
      if (dataAt !== -1) throw repeatedMember(key);
      reader.peek();
      dataAt = reader.at;
      if (name === null || shape === null || datatypeName === null) passOverTensorData(reader, slices);
      else data = readJsonData(reader, name, datatypeName, shape, maxInputBytes, slices);
    } else {
      reader.skip(3);
    }
  }
  if (name === null) throw missingMember('name');
  if (shape === null) throw missingMember('shape');
  if (datatypeName === null) throw missingMember('datatype');
  const { binaryBytes, region } = parameters ?? noParameters;
  if ((dataAt !== -1 ? 1 : 0) + (binaryBytes !== null ? 1 : 0) + (region !== null ? 1 : 0) !== 1) {
    throw sourcesGiven(name, dataAt !== -1, binaryBytes !== null, region !== null);
  }
  if (region !== null) throw notFound(`Unable to find shared memory region: '${shownText(region)}'`);

  const datatype = checkedDatatype(name, datatypeName);
  if (binaryBytes !== null) {
    checkedElementCount(name, datatype, shape);
    data = binary.take(name, binaryBytes);
  } else if (data === null) {
    // `data` came before the members that are needed to read it.
    const next = reader.at;
    reader.at = dataAt;
    data = readJsonData(reader, name, datatypeName, shape, maxInputBytes, slices);
    reader.at = next;
  }
  return { name, datatype, shape, data };
}

const noParameters = new TensorParameters();

function readShape(reader: JsonReader): Shape {
  const shape: number[] = [];
  for (let more = reader.firstElement('shape'); more; more = reader.nextElement()) {
    if (shape.length === requestLimits.jsonRank) throw tooMany('dimensions of one input', requestLimits.jsonRank);
    shape.push(reader.unsigned('shape'));
  }
  return shape;
}

function readJsonData(
  reader: JsonReader,
  name: string,
  datatypeName: string,
  shape: Shape,
  maxInputBytes: number,
  slices: TensorSlices | null,
): Uint8Array {
  const datatype = checkedDatatype(name, datatypeName);
  const count = checkedElementCount(name, datatype, shape);
  const leastBytes = count * elementBytes(datatype);
  if (leastBytes > maxInputBytes) throw oversizedInput(name, leastBytes, maxInputBytes);
  const data = readTensorData(reader, name, datatype, shape, count, slices);
  if (data.length > maxInputBytes) throw oversizedInput(name, data.length, maxInputBytes);
  return data;
}

/** For BYTES the length prefix: no element is shorter. */
const elementBytes = (datatype: Datatype): number => datatypes[datatype].byteSize || 4;

function checkedDatatype(name: string, datatypeName: string): Datatype {
  const datatype = datatypeOf(datatypeName);
  if (datatype === null) {
    throw invalidArgument(
      `invalid datatype for input ${shownText(name)}: expected one of ${datatypeNames.join(', ')}, got '${shownText(datatypeName)}'`,
    );
  }
  return datatype;
}

/** @throws InferenceError `invalid_argument` when the elements or their bytes cannot be counted exactly. */
function checkedElementCount(name: string, datatype: Datatype, shape: Shape): number {
  const count = elementCount(shape);
  if (count === null) {
    throw invalidArgument(
      `invalid shape for input '${shownText(name)}': shape ${shapeText(shape)} causes total element count to exceed maximum size of ${int64Max}`,
    );
  }
  const size = elementBytes(datatype);
  if (count * size > Number.MAX_SAFE_INTEGER) {
    throw invalidArgument(
      `byte size overflow for input '${shownText(name)}': element count (${count}) * data type size (${size}) exceeds maximum allowed size (${int64Max})`,
    );
  }
  return count;
}

const oversizedInput = (name: string, byteSize: number, maxInputBytes: number): InferenceError =>
  invalidArgument(
    `JSON input '${shownText(name)}' has a byte_size (${byteSize} bytes) that exceeds the maximum allowed value of ${maxInputBytes} bytes. Use --http-max-input-size to increase the limit.`,
  );

function sourcesGiven(name: string, hasData: boolean, hasBinary: boolean, hasRegion: boolean): InferenceError {
  const given =
    (hasData ? " 'data'" : '') +
    (hasBinary ? " 'binary_data_size'" : '') +
    (hasRegion ? " 'shared_memory_region'" : '');
  return invalidArgument(
    `Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. But ${given === '' ? 'no field is set' : `set${given}`} for input '${shownText(name)}'`,
  );
}
