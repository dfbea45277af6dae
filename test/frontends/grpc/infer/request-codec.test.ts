import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InferenceError } from '../../../../src/errors.ts';
import { decodeInferRequest } from '../../../../src/frontends/grpc/infer/request-codec.ts';
import { type Datatype, datatypeNames } from '../../../../src/tensor/datatype.ts';
import { encodeRequest, wire } from '../protobuf-oracle.ts';
import { hostBytes } from '../../../../src/tensor/tensor-bytes.ts';

const decode = (bytes: Buffer) => decodeInferRequest(bytes, null);

function refusal(bytes: Buffer): InferenceError {
  try {
    decode(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(InferenceError);
    return error as InferenceError;
  }
  throw new Error('the message was accepted');
}

const input = { name: 'X', datatype: 'INT32', shape: [1, 2] };
const raw = Buffer.from([1, 0, 0, 0, 2, 0, 0, 0]);
const good = { model_name: 'm', inputs: [input], raw_input_contents: [raw] };

const parameterRefusal = (parameters: object) => refusal(encodeRequest({ ...good, parameters })).message;
const inputRefusal = (fields: object) => refusal(encodeRequest({ model_name: 'm', inputs: [{ ...input, ...fields }] }));

describe('a well-formed request', () => {
  it('is decoded with all its parts', () => {
    const request = decode(
      encodeRequest({
        model_name: 'm',
        model_version: '3',
        id: 'grüße-7',
        parameters: {
          sequence_id: { int64_param: '-1' },
          sequence_start: { bool_param: true },
          priority: { uint64_param: 4 },
          timeout: { int64_param: 500 },
          triton_enable_empty_final_response: { bool_param: true },
          big: { int64_param: '9007199254740993' },
          half: { double_param: 0.5 },
          text: { string_param: '' },
          flag: { bool_param: false },
        },
        inputs: [input],
        outputs: [{ name: 'A' }, { name: 'B', parameters: { classification: { int64_param: 3 } } }],
        raw_input_contents: [raw],
      }),
    );
    expect(request.modelName).toBe('m');
    expect(request.modelVersion).toBe('3');
    expect(request.id).toBe('grüße-7');
    expect(request.sequence).toEqual({ id: 2n ** 64n - 1n, start: true, end: false });
    expect(request.priority).toBe(4);
    expect(request.timeoutUs).toBe(500);
    expect([...request.parameters]).toEqual([
      ['big', 9007199254740993n],
      ['half', 0.5],
      ['text', ''],
      ['flag', false],
    ]);
    expect(request.outputs).toEqual([
      { name: 'A', classificationCount: 0 },
      { name: 'B', classificationCount: 3 },
    ]);
    expect(request.inputs).toEqual([{ ...input, data: new Uint8Array(raw) }]);
  });

  it('keeps raw tensors as views on the message', () => {
    const message = encodeRequest(good);
    const data = hostBytes(decode(message).inputs[0]!.data);
    expect(data.buffer).toBe(message.buffer);
    expect(message.subarray(message.length - raw.length).equals(data)).toBe(true);
  });

  it('takes raw entries that come before their inputs', () => {
    const second = Buffer.from([7, 0, 0, 0]);
    const message = wire.join(
      wire.bytes(7, raw),
      encodeRequest({ model_name: 'm', inputs: [input, { name: 'Y', datatype: 'INT32', shape: [1] }] }),
      wire.bytes(7, second),
    );
    const { inputs } = decode(message);
    expect(inputs.map(({ data }) => Buffer.from(hostBytes(data)))).toEqual([raw, second]);
  });

  it('skips unknown fields of every wire type, nested groups included', () => {
    const unknown = wire.join(
      wire.number(100, 2n ** 64n - 1n),
      wire.tag(101, 1),
      Buffer.alloc(8),
      wire.bytes(102, 'abc'),
      wire.tag(103, 3),
      wire.tag(104, 3),
      wire.number(1, 5),
      wire.tag(104, 4),
      wire.tag(103, 4),
      wire.tag(105, 5),
      Buffer.alloc(4),
    );
    expect(decode(wire.join(unknown, encodeRequest(good), unknown)).inputs).toHaveLength(1);
  });

  it('takes shapes unpacked, packed and in pieces', () => {
    const shaped = wire.join(
      wire.bytes(1, 'X'),
      wire.bytes(2, 'UINT8'),
      wire.number(3, 1),
      wire.bytes(3, wire.join(wire.varint(2), wire.varint(3))),
      wire.number(3, 4),
    );
    expect(decode(wire.join(wire.bytes(5, shaped), wire.bytes(7, Buffer.alloc(24)))).inputs[0]!.shape).toEqual([
      1, 2, 3, 4,
    ]);
  });

  it('takes map entries with the value before the key', () => {
    const entry = wire.join(wire.bytes(2, wire.number(2, 9)), wire.bytes(1, 'k'));
    expect(decode(wire.join(encodeRequest(good), wire.bytes(4, entry))).parameters.get('k')).toBe(9);
  });

  it('takes the last of repeated singular fields', () => {
    expect(decode(wire.join(wire.bytes(1, 'old'), encodeRequest(good))).modelName).toBe('m');
  });

  it('carries names that would be special to JavaScript', () => {
    const request = decode(
      encodeRequest({ ...good, model_name: '__proto__', inputs: [{ ...input, name: 'constructor' }] }),
    );
    expect(request.modelName).toBe('__proto__');
    expect(request.inputs[0]!.name).toBe('constructor');
  });

  it('has the forwarded headers among its parameters', () => {
    const message = encodeRequest({ ...good, parameters: { k: { bool_param: true } } });
    const request = decodeInferRequest(message, [['x-tenant', 'a']]);
    expect([...request.parameters]).toEqual([
      ['x-tenant', 'a'],
      ['k', true],
    ]);
  });

  it('may have no inputs at all', () => {
    expect(decode(encodeRequest({ model_name: 'm' }))).toMatchObject({ modelName: 'm', inputs: [], outputs: [] });
    expect(decode(Buffer.alloc(0)).modelName).toBe('');
  });
});

describe('malformed bytes', () => {
  const cases: Record<string, Buffer> = {
    'a cut message': encodeRequest(good).subarray(0, 20),
    'a cut varint': Buffer.from([0x80]),
    'a varint of eleven bytes': wire.join(wire.tag(100, 0), Buffer.alloc(10, 0xff), Buffer.from([1])),
    'a tag beyond 32 bits': Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7f]),
    'field number 0': Buffer.from([0x02, 0x00]),
    'wire type 7': wire.join(encodeRequest(good), Buffer.from([(100 << 3) & 0x7f, 0]), wire.tag(100, 7)),
    'a group end without a start': wire.tag(100, 4),
    'a group that ends as another': wire.join(wire.tag(100, 3), wire.tag(101, 4)),
    'a group without an end': wire.tag(100, 3),
    'groups nested 101 deep': wire.join(...Array.from({ length: 101 }, () => wire.tag(100, 3))),
    'a length beyond the message': wire.join(wire.tag(7, 2), wire.varint(2n ** 31n)),
    'a length beyond 32 bits': wire.join(wire.tag(7, 2), wire.varint(2n ** 40n)),
    'a nested field longer than its message': wire.bytes(
      5,
      wire.join(wire.tag(1, 2), wire.varint(9), Buffer.from('X')),
    ),
    'a name with the wire type of a number': wire.number(1, 5),
    'text that is not UTF-8': wire.bytes(3, Buffer.from([0x61, 0xff])),
    'a surrogate in UTF-8': wire.bytes(1, Buffer.from([0xed, 0xa0, 0x80])),
    'an overlong UTF-8 form': wire.bytes(1, Buffer.from([0xc0, 0x80])),
  };
  for (const [name, bytes] of Object.entries(cases)) {
    it(`${name} is an invalid argument that says where`, () => {
      const { code, message } = refusal(bytes);
      expect(code).toBe('invalid_argument');
      expect(message).toMatch(/^Unable to parse request: .* \(at byte \d+ of \d+\)$/);
    });
  }
});

describe('an input', () => {
  it('needs a name and a known datatype', () => {
    expect(inputRefusal({ name: '' }).message).toContain('has no name');
    expect(inputRefusal({ datatype: 'int32' }).message).toContain(`data-type is 'int32'`);
    expect(inputRefusal({ datatype: '' }).message).toContain(`data-type is ''`);
  });

  it('has exact dimensions or none', () => {
    const exact = encodeRequest({ ...good, inputs: [{ ...input, shape: ['9007199254740991', -1] }] });
    expect(decode(exact).inputs[0]!.shape).toEqual([Number.MAX_SAFE_INTEGER, -1]);
    expect(inputRefusal({ shape: ['9007199254740992'] }).message).toContain('dimension 9007199254740992');
    expect(inputRefusal({ shape: ['-9223372036854775808'] }).message).toContain('dimension -9223372036854775808');
  });

  it('has at most 128 dimensions', () => {
    expect(inputRefusal({ shape: new Array(129).fill(1) }).message).toContain('more than 128 dimensions');
  });

  it('needs data', () => {
    expect(inputRefusal({}).message).toBe(`unable to find data for input tensor 'X' for model 'm' in request.`);
  });

  it('comes once', () => {
    const twice = { ...good, inputs: [input, input], raw_input_contents: [raw, raw] };
    expect(refusal(encodeRequest(twice)).message).toBe(
      `[request id: <id_unknown>] input 'X' already exists in request`,
    );
    const many = Array.from({ length: 40 }, (_, i) => ({ ...input, name: `I${i % 39}` }));
    const raws = many.map(() => raw);
    expect(refusal(encodeRequest({ inputs: many, raw_input_contents: raws })).message).toContain(`input 'I0' already`);
  });

  it('takes one raw entry and leaves none over', () => {
    const three = encodeRequest({ ...good, raw_input_contents: [raw, raw, raw] });
    expect(refusal(three).message).toContain('2 more than inputs that take one');
  });

  it('has contents or raw data in the whole request', () => {
    const typed = { name: 'T', datatype: 'INT32', shape: [1], contents: { int_contents: [1] } };
    const mixed = encodeRequest({ ...good, inputs: [input, typed] });
    expect(refusal(mixed).message).toBe(
      `contents field must not be specified when using raw_input_contents for 'T' for model 'm'`,
    );
  });
});

describe('typed contents', () => {
  const tensor = (datatype: Datatype, contents: object, shape = [2]) =>
    hostBytes(
      decode(encodeRequest({ model_name: 'm', inputs: [{ name: 'X', datatype, shape, contents }] })).inputs[0]!.data,
    );
  const text = (datatype: string, contents: object) => inputRefusal({ datatype, contents, shape: [2] }).message;

  it('become the bytes of the tensor for each datatype', () => {
    expect([...tensor('BOOL', { bool_contents: [true, false] })]).toEqual([1, 0]);
    expect([...tensor('INT8', { int_contents: [-128, 127] })]).toEqual([0x80, 0x7f]);
    expect([...tensor('UINT8', { uint_contents: [0, 255] })]).toEqual([0, 255]);
    const as = <T>(data: Uint8Array, view: new (b: ArrayBuffer) => T) => new view(data.slice().buffer);
    expect([...as(tensor('INT16', { int_contents: [-32768, 32767] }), Int16Array)]).toEqual([-32768, 32767]);
    expect([...as(tensor('UINT16', { uint_contents: [0, 65535] }), Uint16Array)]).toEqual([0, 65535]);
    expect([...as(tensor('INT32', { int_contents: [-(2 ** 31), 5] }), Int32Array)]).toEqual([-(2 ** 31), 5]);
    expect([...as(tensor('UINT32', { uint_contents: [2 ** 32 - 1, 5] }), Uint32Array)]).toEqual([2 ** 32 - 1, 5]);
    const int64 = tensor('INT64', { int64_contents: ['-9223372036854775808', '9007199254740993'] });
    expect([...as(int64, BigInt64Array)]).toEqual([-(2n ** 63n), 9007199254740993n]);
    const uint64 = tensor('UINT64', { uint64_contents: ['18446744073709551615', 0] });
    expect([...as(uint64, BigUint64Array)]).toEqual([2n ** 64n - 1n, 0n]);
    expect([...as(tensor('FP32', { fp32_contents: [0.5, Infinity] }), Float32Array)]).toEqual([0.5, Infinity]);
    expect([...as(tensor('FP64', { fp64_contents: [NaN, -0] }), Float64Array)]).toEqual([NaN, -0]);
    const bytes = tensor('BYTES', { bytes_contents: [Buffer.from([0, 0xff]), Buffer.alloc(0)] });
    expect([...bytes]).toEqual([2, 0, 0, 0, 0, 0xff, 0, 0, 0, 0]);
  });

  it('may come unpacked and in pieces', () => {
    const contents = wire.join(wire.bytes(2, Buffer.from([1, 2])), wire.number(2, 3));
    const more = wire.bytes(2, Buffer.from([4]));
    const tensorBytes = wire.join(
      wire.bytes(5, contents),
      wire.bytes(1, 'X'),
      wire.bytes(5, more),
      wire.number(3, 4),
      wire.bytes(2, 'INT8'),
    );
    expect([...hostBytes(decode(wire.bytes(5, tensorBytes)).inputs[0]!.data)]).toEqual([1, 2, 3, 4]);
    const floats = wire.join(wire.tag(6, 5), Buffer.from([0, 0, 0x80, 0x3f]), wire.bytes(6, Buffer.alloc(4)));
    const floatTensor = wire.join(wire.bytes(1, 'X'), wire.bytes(2, 'FP32'), wire.number(3, 2), wire.bytes(5, floats));
    expect([...hostBytes(decode(wire.bytes(5, floatTensor)).inputs[0]!.data)]).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0, 0]);
  });

  it('must fit the narrow integer types', () => {
    expect(text('INT8', { int_contents: [300, 0] })).toContain(`outside the range of datatype 'INT8', -128…127`);
    expect(text('INT16', { int_contents: [0, -32769] })).toContain(`'INT16', -32768…32767`);
    expect(text('UINT8', { uint_contents: [256, 0] })).toContain(`'UINT8', 0…255`);
    expect(text('UINT16', { uint_contents: [65536, 0] })).toContain(`'UINT16', 0…65535`);
  });

  it('must be in the field that serves the datatype, and in no other', () => {
    expect(text('INT32', { fp32_contents: [1, 2] })).toBe(
      `unexpected explicit tensor data for input tensor 'X' for model 'm' of type 'FP32', expected datatype 'INT32'`,
    );
    expect(text('FP16', { fp32_contents: [1, 2] })).toContain(`of type 'FP32', expected datatype 'FP16'`);
    expect(text('INT32', { int_contents: [1], fp32_contents: [1] })).toBe(
      `unexpected explicit tensor data for input tensor 'X' for model 'm', binary data was already supplied.`,
    );
  });

  it('must not be empty unless the shape is', () => {
    expect(text('INT32', {})).toContain('input byte size mismatch');
    expect(tensor('INT32', {}, [0, 4])).toHaveLength(0);
  });

  it('are refused when they are malformed', () => {
    const of = (contents: Buffer) =>
      wire.bytes(5, wire.join(wire.bytes(1, 'X'), wire.bytes(2, 'FP32'), wire.bytes(5, contents)));
    expect(refusal(of(wire.bytes(6, Buffer.alloc(7)))).message).toContain('no multiple of 4');
    expect(refusal(of(wire.join(wire.tag(6, 0), Buffer.from([1])))).message).toContain('wrong wire type');
    const cut = wire.bytes(
      5,
      wire.join(wire.bytes(1, 'X'), wire.bytes(2, 'INT32'), wire.bytes(5, wire.bytes(2, Buffer.from([1, 0x80])))),
    );
    expect(refusal(cut).message).toContain('ends inside a number');
  });
});

describe('request parameters', () => {
  it('of known names have the types of the protocol', () => {
    expect(parameterRefusal({ sequence_id: { bool_param: true } })).toBe(
      `invalid value type for 'sequence_id' parameter, expected int64_param or string_param.`,
    );
    expect(parameterRefusal({ sequence_id: { uint64_param: 1 } })).toContain('int64_param or string_param');
    expect(parameterRefusal({ sequence_start: { int64_param: 1 } })).toContain(
      `'sequence_start' parameter, expected bool`,
    );
    expect(parameterRefusal({ priority: { string_param: '1' } })).toBe(
      `invalid value type for 'priority' parameter, expected int64_param or uint64_param.`,
    );
    expect(parameterRefusal({ priority: { int64_param: -1 } })).toBe(
      `invalid value for 'priority', expected value >= 0.`,
    );
    expect(parameterRefusal({ timeout: { uint64_param: 1 } })).toBe(
      `invalid value type for 'timeout' parameter, expected int64_param.`,
    );
    expect(parameterRefusal({ timeout: { int64_param: -5 } })).toContain('>= 0');
  });

  it('starting with triton_ are refused but for one', () => {
    expect(parameterRefusal({ triton_x: { bool_param: true } })).toContain('reserved for Triton usage');
    expect(parameterRefusal({ triton_enable_empty_final_response: { int64_param: 1 } })).toBe(
      `invalid value type for 'triton_enable_empty_final_response' parameter, expected bool_param.`,
    );
  });

  it('that are custom may not be unsigned or without a value', () => {
    const text = `invalid value type for 'k' parameter, expected int64_param, bool_param, or string_param.`;
    expect(parameterRefusal({ k: { uint64_param: 1 } })).toBe(text);
    expect(parameterRefusal({ k: {} })).toBe(text);
  });

  it('may be twenty thousand but not without end', () => {
    const parameters = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`p${i}`, { int64_param: i }]));
    expect(decode(encodeRequest({ ...good, parameters })).parameters.size).toBe(20_000);
    const entry = wire.bytes(4, wire.join(wire.bytes(1, 'k'), wire.bytes(2, wire.number(1, 1))));
    expect(refusal(Buffer.concat(new Array(32_769).fill(entry))).message).toContain('more than 32768 parameters');
  });
});

describe('requested outputs', () => {
  const outputRefusal = (parameters: object) =>
    refusal(encodeRequest({ ...good, outputs: [{ name: 'Y', parameters }] })).message;

  it('take a positive classification count', () => {
    expect(outputRefusal({ classification: { string_param: '3' } })).toBe(
      `invalid value type for 'classification' parameter, expected int64_param`,
    );
    expect(outputRefusal({ classification: { int64_param: -3 } })).toBe(
      `invalid value for 'classification' parameter, expected >= 0`,
    );
    expect(outputRefusal({ classification: { int64_param: 0 } })).toContain('expected >= 0');
  });

  it('come once', () => {
    expect(refusal(encodeRequest({ ...good, outputs: [{ name: 'Y' }, { name: 'Y' }] })).message).toBe(
      `[request id: <id_unknown>] output 'Y' already exists in request`,
    );
  });

  it('are not classified into shared memory', () => {
    const region = { shared_memory_region: { string_param: 'r' }, shared_memory_byte_size: { int64_param: 4 } };
    expect(outputRefusal({ ...region, classification: { int64_param: 1 } })).toBe(
      `output can't set both 'shared_memory_region' and 'classification'`,
    );
  });
});

describe('regions of shared memory', () => {
  const region = (parameters: object, fields: object = {}) => inputRefusal({ parameters, ...fields });
  const name = { shared_memory_region: { string_param: 'r' } };
  const size = { shared_memory_byte_size: { int64_param: 64 } };

  it('are not found, because none can be registered', () => {
    const error = region({ ...name, ...size });
    expect(error.code).toBe('not_found');
    expect(error.message).toBe(`Unable to find shared memory region: 'r'`);
  });

  it('are checked for their form first', () => {
    const cases: readonly (readonly [object, string])[] = [
      [name, `'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor 'X'`],
      [size, `'shared_memory_byte_size' can not be specified without 'shared_memory_region' parameter for tensor 'X'`],
      [{ shared_memory_offset: { int64_param: 0 } }, `'shared_memory_offset' can not be specified without`],
      [
        { shared_memory_region: { int64_param: 1 } },
        `invalid value type for 'shared_memory_region' parameter for tensor 'X', expected string_param.`,
      ],
      [{ ...name, shared_memory_byte_size: { string_param: '4' } }, `expected int64_param.`],
      [{ ...name, shared_memory_byte_size: { int64_param: -4 } }, `expected value >= 0`],
      [{ ...name, ...size, shared_memory_offset: { int64_param: -1 } }, `expected value >= 0`],
    ];
    for (const [parameters, text] of cases) {
      const error = region(parameters);
      expect(error.code).toBe('invalid_argument');
      expect(error.message).toContain(text);
    }
  });

  it('exclude contents', () => {
    expect(region({ ...name, ...size }, { contents: { int_contents: [1, 2] } }).message).toContain(
      `unexpected 'content' provided when using shared memory for input tensor 'X' for model 'm'`,
    );
  });
});

describe('against protobufjs', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9_äß中]{1,12}$/);
  const parameter = fc.oneof(
    fc.boolean().map((bool_param) => ({ bool_param })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ({ int64_param: String(value) })),
    fc.string().map((string_param) => ({ string_param })),
    fc.double({ noNaN: true }).map((double_param) => ({ double_param })),
  );
  const message = fc.record({
    model_name: name,
    model_version: fc.constantFrom('', '1', '42'),
    id: fc.string({ unit: 'grapheme' }),
    parameters: fc.dictionary(fc.stringMatching(/^x[a-z]{0,8}$/), parameter),
    inputs: fc.uniqueArray(
      fc.record({
        name,
        datatype: fc.constantFrom(...datatypeNames),
        shape: fc.array(fc.integer({ min: -5, max: 300 }), { maxLength: 5 }),
        data: fc.uint8Array({ maxLength: 100 }),
      }),
      { selector: (tensor) => tensor.name, maxLength: 20 },
    ),
    outputs: fc.uniqueArray(fc.record({ name, k: fc.integer({ min: 0, max: 9 }) }), { selector: (o) => o.name }),
  });

  it('what it encodes is what we decode', () => {
    fc.assert(
      fc.property(message, ({ inputs, outputs, parameters, ...head }) => {
        const request = decode(
          encodeRequest({
            ...head,
            parameters,
            inputs: inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
            outputs: outputs.map(({ name, k }) => ({
              name,
              parameters: k === 0 ? {} : { classification: { int64_param: k } },
            })),
            raw_input_contents: inputs.map(({ data }) => data),
          }),
        );
        expect(request.modelName).toBe(head.model_name);
        expect(request.modelVersion).toBe(head.model_version);
        expect(request.id).toBe(Buffer.from(head.id).toString());
        expect(request.inputs).toEqual(inputs.map((tensor) => ({ ...tensor, shape: [...tensor.shape] })));
        expect(request.outputs).toEqual(outputs.map(({ name, k }) => ({ name, classificationCount: k })));
        for (const [key, choice] of Object.entries(parameters)) {
          const [kind, value] = Object.entries(choice)[0] as [string, unknown];
          const expected = kind === 'int64_param' ? BigInt(value as string) : value;
          const given = request.parameters.get(key);
          expect(kind === 'int64_param' ? BigInt(given as number) : given).toEqual(
            kind === 'string_param' ? Buffer.from(expected as string).toString() : expected,
          );
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a request with long names and many dimensions', () => {
  const long = 'n'.repeat(4090);

  it('is refused as soon as the names and shapes of its inputs are too long together', () => {
    const named = Array.from({ length: 1030 }, (_, i) => ({ ...input, name: `${long}${i}` }));
    expect(refusal(encodeRequest({ model_name: 'm', inputs: named })).message).toContain(
      'names and shapes of the inputs is longer than 4194304 bytes',
    );
    const shape = new Array<number>(128).fill(1);
    const shaped = Array.from({ length: 4200 }, (_, i) => ({ ...input, name: `X${i}`, shape }));
    expect(refusal(encodeRequest({ model_name: 'm', inputs: shaped })).message).toContain('shapes of the inputs');
  });

  it('is refused when the names of its outputs are too long together', () => {
    const outputs = Array.from({ length: 1030 }, (_, i) => ({ name: `${long}${i}` }));
    expect(refusal(encodeRequest({ ...good, outputs })).message).toContain('shapes of the outputs');
    expect(decode(encodeRequest({ ...good, outputs: outputs.slice(0, 1000) })).outputs.length).toBe(1000);
  });
});
