import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DecodedInfer } from '../../../../src/frontends/http/infer/request-codec.ts';
import { InferAnswer } from '../../../../src/frontends/http/infer/response-codec.ts';
import { maxNumberBytes, writeFloat } from '../../../../src/frontends/http/json/number-bytes.ts';
import type { ParameterValue } from '../../../../src/inference/request.ts';
import type { OutputTensor } from '../../../../src/inference/response.ts';
import { encodeBytesElements } from '../../../../src/tensor/bytes-elements.ts';
import type { Datatype } from '../../../../src/tensor/datatype.ts';
import { FakeInferenceServer, output } from '../../../fakes/fake-inference-server.ts';
import { inferenceRequest } from '../../../fakes/make-request.ts';

const asJson: DecodedInfer = {
  request: inferenceRequest({ id: 'an "id"' }),
  isBinaryByDefault: false,
  binaryNames: new Set(),
};

const encode = (
  outputs: readonly OutputTensor[],
  decoded: DecodedInfer = asJson,
  parameters: ReadonlyMap<string, ParameterValue> = new Map(),
) => {
  const answer = new InferAnswer(new FakeInferenceServer().respond(decoded.request, outputs, { parameters }), decoded);
  return { json: answer.text(), binary: answer.binary, binaryBytes: answer.binaryBytes };
};

const dataText = (datatype: Datatype, array: ArrayBufferView, count: number): string => {
  const data = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const { json } = encode([output({ name: 'Y', datatype, shape: [count], data })]);
  return /"data":(.*)\}\]\}$/s.exec(json)![1]!;
};

describe('the JSON of an answer', () => {
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
    ['FP32', Float32Array.of(0.1, -0, Number.NaN, Number.NEGATIVE_INFINITY, 2), '[0.1,-0.0,NaN,-Infinity,2]'],
    ['FP64', Float64Array.of(0.1, 1e300, Number.POSITIVE_INFINITY), '[0.1,1e+300,Infinity]'],
    ['FP16', Uint16Array.of(0x3c00, 0x2e66, 0x7c00), '[1,0.099975586,Infinity]'],
    ['BF16', Uint16Array.of(0x3f80, 0xc000), '[1,-2]'],
    ['INT64', BigInt64Array.of(-(2n ** 63n), 9007199254740993n), '[-9223372036854775808,9007199254740993]'],
    ['UINT64', BigUint64Array.of(2n ** 64n - 1n), '[18446744073709551615]'],
    ['UINT16', Uint16Array.of(65535), '[65535]'],
    ['BOOL', Uint8Array.of(0, 1, 255), '[false,true,true]'],
    ['FP32', new Float32Array(0), '[]'],
  ] as const)('writes %s', (datatype, array, text) => {
    expect(dataText(datatype, array, array.length)).toBe(text);
  });

  it.each([
    ['INT8', 8, true],
    ['UINT8', 8, false],
    ['INT16', 16, true],
    ['UINT16', 16, false],
    ['INT32', 32, true],
    ['UINT32', 32, false],
    ['INT64', 64, true],
    ['UINT64', 64, false],
  ] as const)('writes %s of every length exactly, around each power of two and ten', (datatype, bits, isSigned) => {
    const powers = [
      ...Array.from({ length: 65 }, (_, i) => 2n ** BigInt(i)),
      ...Array.from({ length: 20 }, (_, i) => 10n ** BigInt(i)),
    ];
    const wrap = isSigned ? BigInt.asIntN : BigInt.asUintN;
    const values = powers.flatMap((power) =>
      [-power - 1n, -power, 1n - power, power - 1n, power, power + 1n].map((value) => wrap(bits, value)),
    );
    const bytes = values.flatMap((value) => [...new Uint8Array(BigInt64Array.of(value).buffer, 0, bits / 8)]);
    expect(dataText(datatype, Uint8Array.from(bytes), values.length)).toBe(`[${values.join()}]`);
  });

  it('writes BYTES as strings, and says how many were not UTF-8 and had to be changed', () => {
    const elements = (...texts: Buffer[]) => encodeBytesElements(texts);
    expect(dataText('BYTES', elements(Buffer.from('ü"\n\0'), Buffer.alloc(0)), 2)).toBe('["ü\\"\\n\\u0000",""]');
    const data = elements(Buffer.from('ok'), Buffer.of(0x61, 0xff), Buffer.of(0xc3), Buffer.from('x'.repeat(100)));
    const { json } = encode([
      output({ name: 'Y', datatype: 'BYTES', shape: [4], data }),
      output({ name: 'Z', datatype: 'BYTES', shape: [1], data: elements(Buffer.from('z')) }),
    ]);
    const [changed, whole] = JSON.parse(json).outputs;
    expect(changed.data).toEqual(['ok', 'a\ufffd', '\ufffd', 'x'.repeat(100)]);
    expect(changed.parameters).toEqual({ not_utf8: 2 });
    expect(whole.parameters).toBeUndefined();
  });

  it('writes strings of every length as JSON.stringify does', () => {
    const characters = [
      ...Array.from({ length: 130 }, (_, code) => String.fromCharCode(code)),
      'ü',
      '€',
      '\u2028',
      '😀',
    ];
    const all = characters.join('');
    for (const texts of [
      [all],
      ...Array.from({ length: 300 }, (_, i) => ['x'.repeat(i) + characters.slice(0, i).join(''), '', all]),
    ]) {
      const data = encodeBytesElements(texts.map((text) => Buffer.from(text)));
      expect(dataText('BYTES', data, texts.length)).toBe(JSON.stringify(texts));
    }
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

  it('comes in pieces of bounded size that are the same text, however large the outputs are', () => {
    const numbers = Float32Array.from({ length: 300_000 }, (_, i) => Math.sin(i));
    const longText = Buffer.from(`€${'ä'.repeat(200_000)}"😀${'\n'.repeat(300_000)}`);
    const badText = Buffer.alloc(300_000, 0xff);
    const strings = encodeBytesElements([
      Buffer.from('a'),
      longText,
      badText,
      longText.subarray(0, 200_000),
      Buffer.of(),
    ]);
    const outputs = [
      output({ name: 'S', datatype: 'BYTES', shape: [5], data: strings }),
      output({ name: 'F', datatype: 'FP32', shape: [numbers.length], data: new Uint8Array(numbers.buffer) }),
      output({ name: 'E', datatype: 'BYTES', shape: [400_000], data: new Uint8Array(1_600_000) }),
      output({ name: 'I', datatype: 'INT64', shape: [0], data: new Uint8Array(0) }),
    ];
    const response = new FakeInferenceServer().respond(asJson.request, outputs, {});
    const answer = new InferAnswer(response, asJson);
    expect(answer.isSmall).toBe(false);
    const pieces: Buffer[] = [];
    for (let piece = answer.piece(); piece !== null; piece = answer.piece()) pieces.push(piece);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(512 * 1024);
    expect(pieces.length).toBeGreaterThan(20);
    const text = Buffer.concat(pieces).toString();
    expect(text).toBe(encode(outputs).json);
    const [written, floats] = JSON.parse(text).outputs;
    expect(Float32Array.from(floats.data)).toEqual(numbers);
    const expected = ['a', ...[longText, badText, longText.subarray(0, 200_000)].map(String), ''];
    expect(written.data.map((element: string, i: number) => element === expected[i])).toEqual(new Array(5).fill(true));
    // Not UTF-8: the bytes of 0xff, and the text that is cut within a character.
    expect(written.parameters).toEqual({ not_utf8: 2 });
  });

  it.each([
    ['JSON', asJson],
    ['binary', { ...asJson, isBinaryByDefault: true }],
  ])('has one long classification in a piece, as %s', (_form, decoded) => {
    const data = new Uint8Array(Float32Array.from({ length: 2000 }, (_, i) => i).buffer);
    const outputs = ['A', 'B', 'C'].map((name) => output({ name, datatype: 'FP32', shape: [2000], data }, 600));
    const answer = new InferAnswer(new FakeInferenceServer().respond(decoded.request, outputs, {}), decoded);
    expect(answer.isSmall).toBe(false);
    const pieces: string[] = [];
    for (let piece = answer.piece(); piece !== null; piece = answer.piece()) pieces.push(piece.toString());
    const classified = pieces.map((piece) => [...piece.matchAll(/"datatype":"BYTES"/g)].length);
    expect([Math.max(...classified), classified.reduce((sum, count) => sum + count, 0)]).toEqual([1, 3]);
    expect(pieces.join('')).toBe(encode(outputs, decoded).json);
  });

  it('is small with a short classification', () => {
    const some = output({ name: 'A', datatype: 'FP32', shape: [1000], data: new Uint8Array(4000) }, 5);
    const answer = new InferAnswer(new FakeInferenceServer().respond(asJson.request, [some], {}), asJson);
    expect(answer.isSmall).toBe(true);
  });
});

describe('a float of 32 bits', () => {
  const written = (value: number): string => {
    const target = Buffer.alloc(maxNumberBytes);
    return target.toString('latin1', 0, writeFloat(target, 0, value));
  };

  /** By trying, from one digit on. */
  function fewestDigits(value: number): number {
    for (let digits = 1; ; digits++) if (Math.fround(Number(value.toPrecision(digits))) === value) return digits;
  }

  const digitsOf = (text: string): number =>
    text.replace(/e.*$/, '').replace(/[-.]/g, '').replace(/^0+/, '').replace(/0+$/, '').length;

  it('is written in the fewest digits that read back as the same float', () => {
    const anyFloat = fc.oneof(
      fc.float({ noNaN: true, noDefaultInfinity: true }),
      fc.float({ min: -1000, max: 1000, noNaN: true }),
      fc.nat({ max: 2 ** 31 }).map(Math.fround),
      fc
        .tuple(fc.integer({ min: -999_999, max: 999_999 }), fc.nat({ max: 9 }))
        .map(([n, e]) => Math.fround(n / 10 ** e)),
    );
    fc.assert(
      fc.property(anyFloat, (value) => {
        const text = written(value);
        expect(Object.is(Math.fround(Number(text)), value), text).toBe(true);
        expect(Object.is(JSON.parse(text), Number(text)), text).toBe(true);
        // Integers below 10^9 are written out.
        if (!Number.isInteger(value)) expect(digitsOf(text), text).toBe(fewestDigits(value));
      }),
      { seed: 77, numRuns: 20_000 },
    );
  });

  it.each([
    [Math.fround(0.1), '0.1'],
    [Math.fround(3.4028235e38), '3.4028235e+38'],
    [Math.fround(1e-45), '1e-45'],
    [16_777_216, '16777216'],
    [Math.fround(0.00001), '0.00001'],
    [Math.fround(123456.78), '123456.78'],
    [-0.5, '-0.5'],
  ])('%d is written as %s', (value, text) => {
    expect(written(value)).toBe(text);
  });
});
