/** The decoder alone, without a connection. */

import { describe, expect, it } from 'vitest';
import { decodeRawRequest } from '../../../../src/frontends/http/infer/raw-request.ts';
import { type DecodedInfer, decodeInferRequest } from '../../../../src/frontends/http/infer/request-codec.ts';
import type { TensorMetadata } from '../../../../src/server/inference-server.ts';
import { bytesElements } from '../../../../src/tensor/bytes-elements.ts';
import { float16Number } from '../../../../src/tensor/float16.ts';
import { hostBytes } from '../../../../src/tensor/tensor-bytes.ts';
import { FakeInferenceServer } from '../../../fakes/fake-inference-server.ts';

const target = { modelName: 'm', modelVersion: '', maxInputBytes: 4096 };
const decode = (text: string | Buffer, forward = null): DecodedInfer =>
  decodeInferRequest(Buffer.from(text as string), null, target, forward);

const input = (members: string): string => `{"inputs":[{"name":"X","shape":[2],"datatype":"INT32",${members}}]}`;
const withData = (rest: string): string =>
  `{"inputs":[{"name":"X","shape":[2],"datatype":"INT32","data":[1,2]}],${rest}}`;

describe('decodeInferRequest', () => {
  it('hands out views on the body for binary tensors, in the order of the inputs', () => {
    const head = JSON.stringify({
      inputs: [
        { name: 'A', shape: [2], datatype: 'UINT8', parameters: { binary_data_size: 2 } },
        { name: 'J', shape: [1], datatype: 'UINT8', data: [9] },
        { name: 'B', shape: [3], datatype: 'UINT8', parameters: { binary_data_size: 3 } },
      ],
    });
    const body = Buffer.concat([Buffer.from(head), Buffer.of(1, 2, 3, 4, 5)]);
    const { inputs } = decodeInferRequest(body, head.length, target, null).request;
    expect(inputs.map(({ data }) => [...hostBytes(data)])).toEqual([[1, 2], [9], [3, 4, 5]]);
    expect(hostBytes(inputs[2]?.data).buffer).toBe(body.buffer);
  });

  it('counts elements and ignores how data is nested', () => {
    const nested = decode(input('"data":[[1],[[2]]]')).request.inputs[0];
    expect(nested?.data).toEqual(new Uint8Array(Int32Array.of(1, 2).buffer));
    expect(
      decode('{"inputs":[{"name":"E","shape":[0,3],"datatype":"FP32","data":[]}]}').request.inputs[0]?.data,
    ).toHaveLength(0);
    expect(
      decode('{"inputs":[{"name":"E","shape":[0],"datatype":"FP32","data":[[],[[]]]}]}').request.inputs[0]?.data,
    ).toHaveLength(0);
  });

  it('keeps BYTES elements with escapes, without, and long ones', () => {
    const long = 'ü'.repeat(200);
    const text = `{"inputs":[{"name":"S","shape":[4],"datatype":"BYTES","data":["plain","\\u00fc\\n","","${long}"]}]}`;
    const { data } = decode(text).request.inputs[0]!;
    const expected = ['plain', 'ü\n', '', long].map((element) => {
      const bytes = Buffer.from(element);
      const prefix = Buffer.alloc(4);
      prefix.writeUInt32LE(bytes.length);
      return Buffer.concat([prefix, bytes]);
    });
    expect(Buffer.from(hostBytes(data))).toEqual(Buffer.concat(expected));
  });

  it('reads strings of every length, with and without escapes, as JSON.parse does', () => {
    const pieces = ['a', 'ü', '€', '😀', '\\n', '\\"', '\\\\', '\\/', '\\u00e9', '\\ud83d\\ude00'];
    for (let length = 0; length < 600; length++) {
      const literal = `"${'x'.repeat(length)}${pieces[length % pieces.length]}${'\\t'.repeat(length % 7)}"`;
      const text = `{"inputs":[{"name":"S","shape":[2],"datatype":"BYTES","data":[${literal}, "end"]}]}`;
      const [first, last] = bytesElements(hostBytes(decode(text).request.inputs[0]!.data));
      expect(Buffer.from(first!).toString()).toBe(JSON.parse(literal));
      expect(Buffer.from(last!).toString()).toBe('end');
    }
  });

  it.each([
    ['"\\', 'quotation mark'],
    ['"\\x"', 'escape'],
    ['"\\u12"', 'escape'],
    ['"a', 'closing quotation mark'],
    ['"a\n"', 'control character'],
    ['"a\xff"', 'UTF-8'],
    ['"\\ud83d"', 'surrogate'],
  ])('refuses the string %j', (literal, part) => {
    for (const length of [0, 1, 254, 255, 256, 257]) {
      const quoted = `"${'x'.repeat(length)}${literal.slice(1)}`;
      const text = `{"inputs":[{"name":"S","shape":[1],"datatype":"BYTES","data":[${quoted}`;
      expect(() => decode(Buffer.from(part === 'UTF-8' ? `${text}]}]}` : text, 'latin1'))).toThrow(part);
    }
  });

  it('keeps tensors apart whose memory is shared', () => {
    const tensors = Array.from({ length: 2000 }, (_, i) => {
      const datatype = ['FP32', 'INT8', 'FP64', 'INT64', 'FP16'][i % 5]!;
      return {
        name: `t${i}`,
        shape: [i % 40],
        datatype,
        data: Array.from({ length: i % 40 }, (_, k) => (i + k) % 100),
      };
    });
    const body = Buffer.from(JSON.stringify({ inputs: tensors }));
    const { inputs } = decodeInferRequest(body, null, { ...target, maxInputBytes: body.length }, null).request;
    for (const [i, { datatype, data }] of inputs.entries()) {
      const { buffer, byteOffset } = hostBytes(data);
      const count = i % 40;
      const values =
        datatype === 'FP32'
          ? new Float32Array(buffer, byteOffset, count)
          : datatype === 'INT8'
            ? new Int8Array(buffer, byteOffset, count)
            : datatype === 'FP64'
              ? new Float64Array(buffer, byteOffset, count)
              : datatype === 'INT64'
                ? new BigInt64Array(buffer, byteOffset, count)
                : Array.from(new Uint16Array(buffer, byteOffset, count), float16Number);
      expect(Array.from(values, Number)).toEqual(tensors[i]!.data);
    }
  });

  it('reads requested outputs and how they want their data', () => {
    const decoded = decode(
      withData(
        '"outputs":[{"name":"A"},{"name":"B","parameters":{"binary_data":false}},{"name":"C","parameters":{"classification":3,"binary_data":true}}],' +
          '"parameters":{"binary_data_output":true}',
      ),
    );
    expect(decoded.request.outputs).toEqual([
      { name: 'A', classificationCount: 0 },
      { name: 'B', classificationCount: 0 },
      { name: 'C', classificationCount: 3 },
    ]);
    expect(decoded.isBinaryByDefault).toBe(true);
    expect([...decoded.binaryNames]).toEqual(['C']);
  });

  it('reads the parameters of both kinds', () => {
    const { request } = decode(
      withData(
        '"parameters":{"sequence_id":18446744073709551615,"sequence_start":true,"priority":2,"timeout":500,"n":-3,"big":9007199254740993,"ratio":1.5,"s":"t","f":false}',
      ),
    );
    expect(request.sequence).toEqual({ id: 2n ** 64n - 1n, start: true, end: false });
    expect([request.priority, request.timeoutUs]).toEqual([2, 500]);
    expect([...request.parameters]).toEqual([
      ['n', -3],
      ['big', 9007199254740993n],
      ['ratio', 1.5],
      ['s', 't'],
      ['f', false],
    ]);
  });

  it.each([
    ['"triton_x":1', "parameter keys starting with 'triton_' are reserved for Triton usage"],
    ['"x":null', "parameter 'x' has invalid type. It should be either 'int', 'bool', or 'string'."],
    ['"x":[1]', "parameter 'x' has invalid type."],
    ['"x":{"y":1}', "parameter 'x' has invalid type."],
    ['"x":9223372036854775808', "parameter 'x' has invalid type."],
    ['"x":1,"x":2', "parameter 'x' is given twice"],
    ['"sequence_id":-1', "Unable to parse 'sequence_id': attempt to access JSON non-unsigned-integer"],
    ['"sequence_id":{}', "Unable to parse 'sequence_id'"],
    ['"sequence_start":"yes"', "Unable to parse 'sequence_start': attempt to access JSON non-boolean as boolean"],
    ['"priority":-1', "Unable to parse 'priority': attempt to access JSON non-unsigned-integer"],
    ['"priority":"1"', "Unable to parse 'priority'"],
    ['"timeout":1.5', "Unable to parse 'timeout'"],
    ['"timeout":null', "Unable to parse 'timeout'"],
    ['"binary_data_output":1', "Unable to parse 'binary_data_output': attempt to access JSON non-boolean as boolean"],
  ])('refuses the parameters {%s}', (parameters, reason) => {
    expect(() => decode(withData(`"parameters":{${parameters}}`))).toThrow(reason);
  });

  it.each([
    ['{"id":"a"}', "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'"],
    ['{"inputs":{}}', "Unable to parse 'inputs': attempt to access JSON non-array as array"],
    ['{"inputs":[1]}', "Unable to parse 'inputs': attempt to access JSON non-object as object"],
    ['{"inputs":[],"inputs":[]}', "Unable to parse 'inputs': the object has this member twice"],
    ['{"inputs":[],"id":1}', "Unable to parse 'id': attempt to access JSON non-string as string"],
    ['{"inputs":[{"shape":[2],"datatype":"INT32","data":[1,2]}]}', "non-existing object member 'name'"],
    ['{"inputs":[{"name":"X","datatype":"INT32","data":[1,2]}]}', "non-existing object member 'shape'"],
    ['{"inputs":[{"name":"X","shape":[2],"data":[1,2]}]}', "non-existing object member 'datatype'"],
    [
      '{"inputs":[{"name":"X","shape":[-1],"datatype":"INT32","data":[1]}]}',
      'non-unsigned-integer as unsigned-integer',
    ],
    [
      '{"inputs":[{"name":"X","shape":[1.0],"datatype":"INT32","data":[1]}]}',
      'non-unsigned-integer as unsigned-integer',
    ],
    ['{"inputs":[{"name":"X","shape":[9007199254740992],"datatype":"INT32","data":[1]}]}', 'out of range'],
    [
      '{"inputs":[{"name":"X","shape":[4294967296,4294967296],"datatype":"INT32","data":[1]}]}',
      'causes total element count to exceed maximum size',
    ],
    [
      '{"inputs":[{"name":"X","shape":[9007199254740991],"datatype":"INT32","data":[1]}]}',
      "byte size overflow for input 'X'",
    ],
    [
      '{"inputs":[{"name":"X","shape":[2],"datatype":"TYPE_INT32","data":[1,2]}]}',
      'invalid datatype for input X: expected one of BOOL',
    ],
    [input('"data":"12"'), "Unable to parse 'data': attempt to access JSON non-array as array"],
    [input('"data":null'), "Unable to parse 'data': attempt to access JSON non-array as array"],
    [input('"data":[1,"2"]'), 'non-signed-integer as signed-integer'],
    [input('"data":[1,2.0]'), 'non-signed-integer as signed-integer'],
    [input('"data":[1,{}]'), 'non-signed-integer as signed-integer'],
    [input('"data":[1,-Infinity]'), 'Invalid value.'],
    [input('"data":[1,2147483648]'), "element 1 of input 'X' is out of range for INT32"],
    [input('"data":[1]'), "Failed to parse 'data' field: shape does not match true shape"],
    [input('"data":[1,2,3]'), "Unable to parse 'data': Shape does not match true shape of 'data' field"],
    [input('"data":[1,2'), 'Missing a comma or ] after an array element.'],
    [input('"data":[1,2,]'), 'Shape does not match true shape'],
    [input('"id":1'), 'But no field is set'],
    [input('"data":[1,2],"parameters":{"binary_data_size":8}'), "But set 'data' 'binary_data_size'"],
    [
      input('"parameters":{"binary_data_size":8,"shared_memory_region":"r"}'),
      "But set 'binary_data_size' 'shared_memory_region'",
    ],
    [
      input('"parameters":{"shared_memory_region":"r","shared_memory_byte_size":8}'),
      "Unable to find shared memory region: 'r'",
    ],
    [input('"parameters":{"binary_data_size":18446744073709551680}'), 'out of range'],
    [input('"parameters":{"binary_data_size":null}'), 'non-unsigned-integer as unsigned-integer'],
    [withData('"outputs":[{}]'), "non-existing object member 'name'"],
    [withData('"outputs":["A"]'), 'non-object as object'],
    [withData('"outputs":[{"name":"A"},{"name":"A"}]'), "output 'A' already exists in request"],
    [
      withData('"outputs":[{"name":"A","parameters":{"classification":"3"}}]'),
      "Unable to set 'classification': attempt to access JSON non-unsigned-integer as unsigned-integer",
    ],
    [withData('"outputs":[{"name":"A","parameters":{"binary_data":"yes"}}]'), "Unable to parse 'binary_data'"],
    [
      withData('"outputs":[{"name":"A","parameters":{"shared_memory_region":"r"}}]'),
      "Unable to find shared memory region: 'r'",
    ],
    [
      withData('"outputs":[{"name":"A","parameters":{"shared_memory_region":"r","classification":1}}]'),
      "Output can't set both 'shared_memory_region' and 'classification'",
    ],
    [
      withData('"outputs":[{"name":"A","parameters":{"shared_memory_region":"r","binary_data":true}}]'),
      "Output can't set both 'shared_memory_region' and 'binary_data'",
    ],
  ])('refuses %s', (text, reason) => {
    expect(() => decode(text)).toThrow(reason);
  });

  it('refuses a name that comes again after many others', () => {
    const inputs = Array.from(
      { length: 50 },
      (_, i) => `{"name":"X${i % 49}","shape":[0],"datatype":"INT8","data":[]}`,
    );
    expect(() => decode(`{"inputs":[${inputs}]}`)).toThrow("input 'X0' already exists in request");
  });

  it('does not reserve memory that the text cannot fill', () => {
    const text = '{"inputs":[{"name":"X","shape":[1000],"datatype":"INT8","data":[1]}]}';
    expect(() => decode(text)).toThrow("Failed to parse 'data' field: shape does not match true shape");
  });

  it('limits the JSON part and each tensor in it', () => {
    expect(() => decode(`${input('"data":[1,2]')}${' '.repeat(4096)}`)).toThrow(
      'exceeds the maximum allowed input size of 4096 bytes. Use --http-max-input-size to increase the limit.',
    );
    expect(() => decode('{"inputs":[{"name":"X","shape":[600],"datatype":"FP64","data":[]}]}')).toThrow(
      "JSON input 'X' has a byte_size (4800 bytes) that exceeds the maximum allowed value of 4096 bytes.",
    );
  });

  it('refuses nesting of unknown members and of data beyond the limit', () => {
    const deep = '['.repeat(1000) + ']'.repeat(1000);
    const reason = 'JSON nesting depth exceeds maximum allowed limit (100)';
    expect(() => decode(withData(`"more":${deep}`))).toThrow(reason);
    expect(() => decode(input(`"data":${deep}`))).toThrow(reason);
    expect(() => decode(`{"inputs":[{"data":${deep},"name":"X","shape":[0],"datatype":"FP32"}]}`)).toThrow(reason);
    expect(decode(withData(`"more":${deep.slice(0, 90)}${deep.slice(-90)}`)).request.inputs).toHaveLength(1);
  });
});

describe('decodeRawRequest', () => {
  const decodeRaw = (body: Buffer, inputs: readonly TensorMetadata[], maxBatchSize = 0) => {
    const server = new FakeInferenceServer();
    server.metadata = (name) => ({ name, versions: ['1'], platform: '', inputs, outputs: [] });
    server.config = () => ({ max_batch_size: maxBatchSize });
    return decodeRawRequest(body, target, server, null);
  };

  it('makes the body the only input, the open dimension from its size', async () => {
    const body = Buffer.alloc(24);
    const decoded = await decodeRaw(body, [{ name: 'X', datatype: 'FP32', shape: [-1, 3, -1] }], 8);
    expect(decoded.request.inputs).toEqual([{ name: 'X', datatype: 'FP32', shape: [1, 3, 2], data: body }]);
    expect(decoded.isBinaryByDefault).toBe(true);
  });

  it('makes a BYTES body its one element', async () => {
    const { request } = await decodeRaw(Buffer.from('ab'), [{ name: 'S', datatype: 'BYTES', shape: [1] }]);
    expect(request.inputs[0]).toEqual({
      name: 'S',
      datatype: 'BYTES',
      shape: [1],
      data: Uint8Array.of(2, 0, 0, 0, 97, 98),
    });
  });

  it.each([
    [[], 'Raw request must only have 1 input (found 1) to be deduced but got 0 inputs'],
    [
      [
        { name: 'A', datatype: 'FP32', shape: [1] },
        { name: 'B', datatype: 'FP32', shape: [1] },
      ],
      "to be deduced but got 2 inputs in 'm' model configuration",
    ],
    [[{ name: 'A', datatype: 'FP32', shape: [-1, -1] }], 'more than one variable-sized dimension'],
    [[{ name: 'S', datatype: 'BYTES', shape: [2] }], 'the model must have input shape [1]'],
  ] as const)('refuses %j', async (inputs, reason) => {
    await expect(decodeRaw(Buffer.alloc(4), inputs)).rejects.toThrow(`[request id: <id_unknown>] `);
    await expect(decodeRaw(Buffer.alloc(4), inputs)).rejects.toThrow(reason);
  });

  it('is limited like JSON', async () => {
    const inputs = [{ name: 'A', datatype: 'UINT8', shape: [-1] }] as const;
    await expect(decodeRaw(Buffer.alloc(5000), inputs)).rejects.toThrow('Raw input has a byte_size (5000 bytes)');
  });
});
