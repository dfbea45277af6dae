import { describe, expect, it } from 'vitest';
import type { DecodedInfer } from '../../../src/frontends/http/infer-request.ts';
import { encodeInferResponse } from '../../../src/frontends/http/infer-response.ts';
import type { ParameterValue } from '../../../src/inference/request.ts';
import type { OutputTensor } from '../../../src/inference/response.ts';
import { encodeBytesElements } from '../../../src/tensor/bytes-elements.ts';
import type { Datatype } from '../../../src/tensor/datatype.ts';
import { FakeInferenceServer, output } from '../../fakes/fake-inference-server.ts';
import { inferenceRequest } from '../../fakes/make-request.ts';

const asJson: DecodedInfer = {
  request: inferenceRequest({ id: 'an "id"' }),
  isBinaryByDefault: false,
  binaryNames: new Set(),
};

const encode = (
  outputs: readonly OutputTensor[],
  decoded: DecodedInfer = asJson,
  parameters: ReadonlyMap<string, ParameterValue> = new Map(),
) => encodeInferResponse(new FakeInferenceServer().respond(decoded.request, outputs, { parameters }), decoded);

const dataText = (datatype: Datatype, array: ArrayBufferView, count: number): string => {
  const data = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const { json } = encode([output({ name: 'Y', datatype, shape: [count], data })]);
  return /"data":(.*)\}\]\}$/.exec(json)![1]!;
};

describe('encodeInferResponse', () => {
  it('writes members in Triton’s order, texts escaped', () => {
    const parameters = new Map<string, ParameterValue>([
      ['s', 'a"b'],
      ['n', 2n ** 60n],
      ['b', true],
      ['d', 0.5],
    ]);
    const tensor = {
      name: 'Y"',
      datatype: 'INT8',
      shape: [1, 2],
      data: new Uint8Array(Int8Array.of(-1, 2).buffer),
    } as const;
    expect(encode([output(tensor)], asJson, parameters).json).toBe(
      '{"id":"an \\"id\\"","model_name":"m","model_version":"1","parameters":{"s":"a\\"b","n":1152921504606846976,"b":true,"d":0.5},' +
        '"outputs":[{"name":"Y\\"","datatype":"INT8","shape":[1,2],"data":[-1,2]}]}',
    );
  });

  it.each([
    [
      'FP32',
      Float32Array.of(0.1, -0, Number.NaN, Number.NEGATIVE_INFINITY, 2),
      '[0.10000000149011612,-0.0,NaN,-Infinity,2]',
    ],
    ['FP64', Float64Array.of(0.1, 1e300, Number.POSITIVE_INFINITY), '[0.1,1e+300,Infinity]'],
    ['FP16', Uint16Array.of(0x3c00, 0x2e66, 0x7c00), '[1,0.0999755859375,Infinity]'],
    ['BF16', Uint16Array.of(0x3f80, 0xc000), '[1,-2]'],
    ['INT64', BigInt64Array.of(-(2n ** 63n), 9007199254740993n), '[-9223372036854775808,9007199254740993]'],
    ['UINT64', BigUint64Array.of(2n ** 64n - 1n), '[18446744073709551615]'],
    ['UINT16', Uint16Array.of(65535), '[65535]'],
    ['BOOL', Uint8Array.of(0, 1, 255), '[false,true,true]'],
    ['FP32', new Float32Array(0), '[]'],
  ] as const)('writes %s', (datatype, array, text) => {
    expect(dataText(datatype, array, array.length)).toBe(text);
  });

  it('writes BYTES as strings and refuses what is not UTF-8', () => {
    const elements = (...texts: Buffer[]) => encodeBytesElements(texts);
    expect(dataText('BYTES', elements(Buffer.from('ü"\n\0'), Buffer.alloc(0)), 2)).toBe('["ü\\"\\n\\u0000",""]');
    expect(() => dataText('BYTES', elements(Buffer.from('ok'), Buffer.of(0xff)), 2)).toThrow(
      "element 1 of output 'Y' is not UTF-8 and cannot be written as JSON; request it with 'binary_data': true",
    );
  });

  it('puts binary outputs behind the JSON without copying them', () => {
    const data = Uint8Array.of(1, 2, 3, 4);
    const outputs = ['A', 'B', 'C'].map((name) => output({ name, datatype: 'UINT8', shape: [4], data }));
    const request = inferenceRequest({ outputs: outputs.map(({ name }) => ({ name, classificationCount: 0 })) });
    // What is listed and does not ask for binary data is JSON, whatever the default.
    const decoded = { request, isBinaryByDefault: true, binaryNames: new Set(['A', 'C']) };
    const { json, binary, binaryBytes } = encode(outputs, decoded);
    expect(JSON.parse(json).outputs).toEqual([
      { name: 'A', datatype: 'UINT8', shape: [4], parameters: { binary_data_size: 4 } },
      { name: 'B', datatype: 'UINT8', shape: [4], data: [1, 2, 3, 4] },
      { name: 'C', datatype: 'UINT8', shape: [4], parameters: { binary_data_size: 4 } },
    ]);
    expect(binary).toEqual([data, data]);
    expect(binary[0]).toBe(data);
    expect(binaryBytes).toBe(8);
  });

  it('replaces an output by its classes, in JSON or binary', () => {
    const data = new Uint8Array(Float32Array.of(0.25, 0.75).buffer);
    const classified = output({ name: 'Y', datatype: 'FP32', shape: [2], data }, 1, ['cat', 'dog']);
    expect(JSON.parse(encode([classified]).json).outputs).toEqual([
      { name: 'Y', datatype: 'BYTES', shape: [1], data: ['0.750000:1:dog'] },
    ]);
    const { binary } = encode([classified], { ...asJson, isBinaryByDefault: true });
    expect(Buffer.from(binary[0]!).subarray(4).toString()).toBe('0.750000:1:dog');
  });
});
