/**
 * The raw binary request (`Inference-Header-Content-Length: 0`): the whole body is the data of the model's
 * only input, whose name, datatype and shape come from the model.
 */

import { type InferenceError, invalidArgument } from '../../../errors.ts';
import { RequestDraft } from '../../../inference/request.ts';
import { countHeldBytes } from '../../../inference/request-bytes.ts';
import { requestPrefix } from '../../../inference/request-prefix.ts';
import type { InferenceServer, ModelMetadata } from '../../../server/inference-server.ts';
import { encodeBytesElements } from '../../../tensor/bytes-elements.ts';
import { datatypes } from '../../../tensor/datatype.ts';
import type { Shape } from '../../../tensor/shape.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import type { DecodedInfer, HeaderForwarder, InferTarget } from './request-codec.ts';

/** Raw requests carry no id; Triton prints this in its place. */
const refused = (message: string): InferenceError => invalidArgument(`${requestPrefix('')}${message}`);

export const oversizedRaw = (bodyBytes: number, maxInputBytes: number): InferenceError =>
  refused(
    `Raw input has a byte_size (${bodyBytes} bytes) that exceeds the maximum allowed value of ${maxInputBytes} bytes. Use --http-max-input-size to increase the limit.`,
  );

/**
 * All outputs are asked for, in binary.
 *
 * @throws InferenceError `invalid_argument` when the input cannot be determined, or an error of the server about the
 * model.
 */
export async function decodeRawRequest(
  body: Buffer,
  target: InferTarget,
  server: InferenceServer,
  forward: HeaderForwarder | null,
): Promise<DecodedInfer> {
  const { modelName, modelVersion, maxInputBytes } = target;
  const metadata = await server.modelMetadata(modelName, modelVersion);
  const { max_batch_size: maxBatchSize = 0 } = await server.modelConfig(modelName, modelVersion);
  const input = rawInput(body, metadata, Number(maxBatchSize) > 0, maxInputBytes);
  const request = new RequestDraft();
  request.modelName = modelName;
  request.modelVersion = modelVersion;
  request.inputs = [input];
  forward?.(request);
  countHeldBytes(request, body);
  return { request, isBinaryByDefault: true, binaryNames: new Set() };
}

function rawInput(body: Buffer, metadata: ModelMetadata, isBatching: boolean, maxInputBytes: number): Tensor {
  const [input] = metadata.inputs;
  if (input === undefined || metadata.inputs.length > 1) {
    throw refused(
      `Raw request must only have 1 input (found 1) to be deduced but got ${metadata.inputs.length} inputs in '${metadata.name}' model configuration`,
    );
  }
  if (body.length > maxInputBytes) {
    throw oversizedRaw(body.length, maxInputBytes);
  }
  const { name, datatype } = input;
  const dims = isBatching ? input.shape.slice(1) : input.shape;
  if (datatype === 'BYTES') {
    if (dims.some((dim) => dim !== 1)) {
      throw refused(`For BYTE datatype raw input '${name}', the model must have input shape [1]`);
    }
    return { name, datatype, shape: batched(dims, isBatching), data: encodeBytesElements([body]) };
  }
  const shape = deducedShape(name, dims, body.length / datatypes[datatype].byteSize);
  return { name, datatype, shape: batched(shape, isBatching), data: body };
}

const batched = (shape: Shape, isBatching: boolean): Shape => (isBatching ? [1, ...shape] : shape);

/**
 * Computes the one open dimension from the others; a body that does not divide evenly is refused later for its byte
 * size.
 */
function deducedShape(name: string, dims: Shape, elements: number): Shape {
  if (dims.filter((dim) => dim === -1).length > 1) {
    throw refused(
      `The shape of the raw input '${name}' can not be deduced because there are more than one variable-sized dimension`,
    );
  }
  const fixed = dims.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  return dims.map((dim) => (dim === -1 ? Math.floor(fixed === 0 ? 0 : elements / fixed) : dim));
}
