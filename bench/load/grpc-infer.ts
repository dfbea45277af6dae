/** An inference as a gRPC message (raw contents), and the output bytes of the answer's message. */

import { bytesField, varint } from '../../test/models/onnx-writer.ts';
import { datatypeOf, type InferCase, inputName, outputName } from './infer-case.ts';

/** Full path of the unary call. */
export const modelInferPath = '/inference.GRPCInferenceService/ModelInfer';

/** The ModelInferRequest with gRPC's five bytes in front: no compression, length. */
export function grpcMessage(inferCase: InferCase): Buffer {
  const dims = Buffer.concat(inferCase.shape.map(varint));
  const input = Buffer.concat([bytesField(1, inputName), bytesField(2, datatypeOf(inferCase)), bytesField(3, dims)]);
  const message = Buffer.concat([
    bytesField(1, inferCase.model),
    bytesField(5, input),
    bytesField(6, bytesField(1, outputName)),
    bytesField(7, inferCase.input),
  ]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

const rawOutputContents = 6;

/**
 * A view on the first element of raw_output_contents in a ModelInferResponse that has gRPC's five bytes in front; null where
 * there is none. Throws on bytes that are no message.
 */
export function rawOutputOf(framed: Uint8Array): Uint8Array | null {
  let at = 5;
  const readVarint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = framed[at++];
      if (byte === undefined || scale > 2 ** 56) throw new Error('an answer that is no protobuf message');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < framed.length) {
    const tag = readVarint();
    const wireType = tag & 7;
    if (wireType === 0) readVarint();
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else if (wireType === 2) {
      const length = readVarint();
      if (at + length > framed.length) throw new Error('an answer whose protobuf message is cut short');
      if (tag >>> 3 === rawOutputContents) return framed.subarray(at, at + length);
      at += length;
    } else throw new Error(`an answer with protobuf wire type ${wireType}`);
  }
  return null;
}
