import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeStreamError, InferResponseMessage } from '../../../../src/frontends/grpc/infer/response-codec.ts';
import type { ParameterValue } from '../../../../src/inference/request.ts';
import type { InferenceResponse, OutputTensor } from '../../../../src/inference/response.ts';
import { datatypeNames } from '../../../../src/tensor/datatype.ts';
import { decodeResponse, decodeStreamResponse } from '../protobuf-oracle.ts';

const tensor = (fields: Partial<OutputTensor> = {}): OutputTensor => ({
  name: 'Y',
  datatype: 'FP32',
  shape: [1, 2],
  data: new Uint8Array(8),
  labels: [],
  classificationCount: 0,
  ...fields,
});

class RecordedResponse implements InferenceResponse {
  readonly modelName = 'm';
  readonly modelVersion = '7';
  readonly id: string;
  readonly parameters: ReadonlyMap<string, ParameterValue>;
  readonly outputs: readonly OutputTensor[];
  readonly isBatched = true;
  releases = 0;

  constructor(outputs: readonly OutputTensor[], id = '', parameters: ReadonlyMap<string, ParameterValue> = new Map()) {
    this.outputs = outputs;
    this.id = id;
    this.parameters = parameters;
  }

  release(): void {
    this.releases++;
  }
}

/** Written into the middle of a larger buffer, as a transport does. */
function bytesOf(response: InferenceResponse, isInStream = false): Buffer {
  const message = new InferResponseMessage(response, isInStream ? 'streamFinal' : 'unary');
  const frame = Buffer.alloc(message.byteLength + 10, 0xee);
  message.copy(frame, 5);
  expect(frame.subarray(0, 5).equals(Buffer.alloc(5, 0xee))).toBe(true);
  expect(frame.subarray(-5).equals(Buffer.alloc(5, 0xee))).toBe(true);
  return frame.subarray(5, -5);
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe('a response', () => {
  it('has one raw entry per output, in order', () => {
    const outputs = [tensor({ name: 'A', data: Uint8Array.of(1, 2) }), tensor({ name: 'B', data: new Uint8Array(0) })];
    const message = decodeResponse(bytesOf(new RecordedResponse(outputs, 'id-1')));
    expect(message).toMatchObject({ model_name: 'm', model_version: '7', id: 'id-1' });
    expect(message.outputs.map((output: { name: string }) => output.name)).toEqual(['A', 'B']);
    expect(message.raw_output_contents.map((raw: Buffer) => [...raw])).toEqual([[1, 2], []]);
    expect(message.outputs[0].contents).toBeNull();
  });

  it('is released when it has been written, and when it is thrown away', () => {
    const response = new RecordedResponse([tensor()]);
    const message = new InferResponseMessage(response, 'unary');
    expect(response.releases).toBe(0);
    message.copy(Buffer.alloc(message.byteLength), 0);
    expect(response.releases).toBe(1);
    const discarded = new RecordedResponse([tensor()]);
    new InferResponseMessage(discarded, 'unary').discard();
    expect(discarded.releases).toBe(1);
  });

  it('carries parameters of every kind', () => {
    const parameters = new Map<string, ParameterValue>([
      ['flag', false],
      ['integer', -3],
      ['large', 2 ** 40],
      ['wide', -(2n ** 63n)],
      ['unsigned', 2n ** 64n - 1n],
      ['half', 0.5],
      ['nothing', NaN],
      ['text', 'größe'],
      ['empty', ''],
    ]);
    const message = decodeResponse(bytesOf(new RecordedResponse([], '', parameters)));
    expect(message.parameters).toEqual({
      flag: { parameter_choice: 'bool_param', bool_param: false },
      integer: { parameter_choice: 'int64_param', int64_param: '-3' },
      large: { parameter_choice: 'int64_param', int64_param: String(2 ** 40) },
      wide: { parameter_choice: 'int64_param', int64_param: '-9223372036854775808' },
      unsigned: { parameter_choice: 'uint64_param', uint64_param: '18446744073709551615' },
      half: { parameter_choice: 'double_param', double_param: 0.5 },
      nothing: { parameter_choice: 'double_param', double_param: NaN },
      text: { parameter_choice: 'string_param', string_param: 'größe' },
      empty: { parameter_choice: 'string_param', string_param: '' },
    });
  });

  it('has an output replaced by its classification', () => {
    const data = new Uint8Array(new Float32Array([0.125, 0.875]).buffer);
    const outputs = [tensor({ data, labels: ['cat', 'dog'], classificationCount: 5 })];
    const message = decodeResponse(bytesOf(new RecordedResponse(outputs)));
    expect(message.outputs[0]).toMatchObject({ datatype: 'BYTES', shape: ['1', '2'] });
    expect(textOf(message.raw_output_contents[0])).toBe('\x0e\0\0\x000.875000:1:dog\x0e\0\0\x000.125000:0:cat');
  });

  it('is released when an output cannot be classified', () => {
    const response = new RecordedResponse([tensor({ datatype: 'BYTES', classificationCount: 1 })]);
    expect(() => new InferResponseMessage(response, 'unary')).toThrow(`due to unsupported type 'BYTES'`);
    expect(response.releases).toBe(1);
  });

  it('is marked as final in a stream', () => {
    const message = decodeStreamResponse(bytesOf(new RecordedResponse([tensor()], '5'), true));
    expect(message.error_message).toBe('');
    expect(message.infer_response).toMatchObject({
      id: '5',
      parameters: { triton_final_response: { bool_param: true } },
    });
    expect(message.infer_response.raw_output_contents).toHaveLength(1);
  });
});

describe('an error in a stream', () => {
  it('echoes the id alone where the request did not reach a model', () => {
    const message = decodeStreamResponse(encodeStreamError('no such thing', 'é', null));
    expect(message.error_message).toBe('no such thing');
    expect(message.infer_response).toMatchObject({ id: 'é', model_name: '', parameters: {} });
  });

  it('names the model and is final where the model failed', () => {
    const message = decodeStreamResponse(encodeStreamError('broken', '', { name: 'm', version: '' }));
    expect(message.infer_response).toMatchObject({
      id: '',
      model_name: 'm',
      parameters: { triton_final_response: { bool_param: true } },
    });
  });
});

describe('any response', () => {
  const output = fc.record({
    name: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 90 }),
    datatype: fc.constantFrom(...datatypeNames),
    shape: fc.array(fc.oneof(fc.nat(300), fc.constantFrom(-1, 2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER)), {
      maxLength: 6,
    }),
    data: fc.uint8Array({ maxLength: 300 }),
  });

  it('is decoded by protobufjs to the same response', () => {
    fc.assert(
      fc.property(
        fc.array(output, { maxLength: 8 }),
        fc.string({ unit: 'grapheme' }),
        fc.boolean(),
        (outputs, id, inStream) => {
          const bytes = bytesOf(new RecordedResponse(outputs.map(tensor), id), inStream);
          const message = inStream ? decodeStreamResponse(bytes).infer_response : decodeResponse(bytes);
          expect(message.id).toBe(id);
          expect(message.outputs).toHaveLength(outputs.length);
          outputs.forEach(({ name, datatype, shape, data }, i) => {
            expect(message.outputs[i]).toMatchObject({ name, datatype, shape: shape.map(String) });
            expect(Buffer.from(data).equals(message.raw_output_contents[i])).toBe(true);
          });
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('a response in pieces', () => {
  const KiB = 1024;
  const outputOf = (bytes: number, i: number): OutputTensor =>
    tensor({ name: `Y${i}`, datatype: 'UINT8', shape: [bytes], data: new Uint8Array(bytes).fill(i + 1) });

  it.each([
    ['one large output', [300 * KiB]],
    ['large outputs around a small one', [64 * KiB, 10, 65 * KiB]],
    ['a small output at its end', [64 * KiB, 64 * KiB - 1]],
  ])('has the same bytes as in one, with %s, and copies only the small ones', (_, sizes) => {
    for (const place of ['unary', 'streamFinal'] as const) {
      const response = new RecordedResponse(sizes.map(outputOf), 'id-1', new Map([['key', 'value']]));
      const message = new InferResponseMessage(response, place);
      const large = sizes.filter((size) => size >= 64 * KiB);
      expect(message.placedBytes).toBe(large.reduce((sum, size) => sum + size, 0));
      const own = Buffer.alloc(5 + message.byteLength - message.placedBytes, 0xee);
      const pieces = message.pieces(own, 5);
      expect(response.releases).toBe(0);
      const views = pieces.filter(({ buffer }) => buffer !== own.buffer);
      expect(views.map(({ length }) => length)).toEqual(large);
      const whole = Buffer.alloc(5 + message.byteLength, 0xee);
      message.copy(whole, 5);
      expect(Buffer.concat(pieces).equals(whole)).toBe(true);
      message.discard();
      expect(response.releases).toBe(1);
    }
  });

  it('is copied whole where it shares its memory with others, or is small', () => {
    const response = new RecordedResponse([outputOf(300 * KiB, 0)]);
    expect(new InferResponseMessage(Object.assign(response, { isShared: true }), 'unary').placedBytes).toBe(0);
    expect(new InferResponseMessage(new RecordedResponse([outputOf(60 * KiB, 0)]), 'unary').placedBytes).toBe(0);
  });
});
