import { fileURLToPath } from 'node:url';

import { loadSync } from '@grpc/proto-loader';
import { describe, expect, it } from 'vitest';

import { grpcMessage, modelInferPath, rawOutputOf } from '../../../bench/load/grpc-infer.ts';
import { fp32Bytes } from '../../../bench/load/infer-case.ts';
import { bytesField } from '../../models/onnx-writer.ts';

const protoFile = fileURLToPath(new URL('../../../proto/grpc_service.proto', import.meta.url));
const service = loadSync(protoFile, { keepCase: true, longs: Number })['inference.GRPCInferenceService'] as unknown as {
  ModelInfer: {
    path: string;
    requestDeserialize(bytes: Buffer): Record<string, unknown>;
    responseSerialize(message: object): Buffer;
  };
};

const input = fp32Bytes(Float32Array.of(1, 2, 300));
const inferCase = { model: 'tiny', shape: [1, 300], input, expected: null };

describe('grpcMessage', () => {
  it('is a ModelInferRequest to the reference parser', () => {
    const bytes = grpcMessage(inferCase);
    expect(bytes[0]).toBe(0);
    expect(bytes.readUInt32BE(1)).toBe(bytes.length - 5);
    expect(service.ModelInfer.path).toBe(modelInferPath);
    expect(service.ModelInfer.requestDeserialize(bytes.subarray(5))).toMatchObject({
      model_name: 'tiny',
      inputs: [{ name: 'INPUT', datatype: 'FP32', shape: [1, 300] }],
      outputs: [{ name: 'OUTPUT' }],
      raw_input_contents: [Buffer.from(input)],
    });
  });
});

describe('rawOutputOf', () => {
  const framed = (message: Uint8Array): Buffer => Buffer.concat([Buffer.alloc(5), message]);

  it('finds the tensor in the bytes of the reference serialiser', () => {
    const message = service.ModelInfer.responseSerialize({
      model_name: 'tiny',
      model_version: '1',
      outputs: [{ name: 'OUTPUT', datatype: 'FP32', shape: [1, 3] }],
      raw_output_contents: [Buffer.from(input)],
    });
    expect(Buffer.from(rawOutputOf(framed(message)) ?? [])).toEqual(Buffer.from(input));
  });

  it('says null when there is no raw tensor', () => {
    expect(rawOutputOf(framed(bytesField(1, 'tiny')))).toBeNull();
  });

  it('refuses a message that is cut short', () => {
    const whole = bytesField(6, 'twelve bytes');
    expect(() => rawOutputOf(framed(whole.subarray(0, whole.length - 1)))).toThrow('cut short');
  });
});
