import { afterAll, describe, expect, it } from 'vitest';
import { loadNative } from '../../src/engine/load-native.ts';
import { errorCodes, InferenceError } from '../../src/errors.ts';
import { encodeBytesElements } from '../../src/tensor/bytes-elements.ts';
import { datatypeNames, datatypes } from '../../src/tensor/datatype.ts';
import { hostBytes } from '../../src/tensor/tensor-bytes.ts';
import { elem, floats, initializer, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';
import {
  bytesOf,
  cpuSpec,
  doublingModel,
  engineForTests,
  floatsIn,
  identityModel,
  infer,
  modelFolder,
  outputsOf,
  withSession,
} from './model-files.ts';

const engine = engineForTests();
const folder = modelFolder();
afterAll(() => folder.remove());

describe('the addon and TypeScript', () => {
  it('agree on the fourteen datatypes', () => {
    const native = new Map(loadNative().datatypes.map((entry) => [entry.name, entry]));
    expect([...native.keys()].sort()).toEqual([...datatypeNames].sort());
    for (const name of datatypeNames) {
      expect(native.get(name)).toEqual({
        name,
        onnxCode: datatypes[name].onnxCode,
        byteSize: datatypes[name].byteSize,
      });
    }
  });

  it('agree on the error codes', () => {
    expect(loadNative().errorCodes).toEqual(errorCodes);
  });
});

describe('a session', () => {
  it('gives the same numbers whether a batch comes in one part or in many', async () => {
    await withSession(engine, cpuSpec(folder.write('double.onnx', doublingModel(3))), async (instance) => {
      const values = Float32Array.from({ length: 12 }, (_, i) => i - 5.5);
      const whole = [{ index: 0, shape: [4, 3], parts: [bytesOf(values)] }];
      const split = [{ index: 0, shape: [4, 3], parts: [bytesOf(values.subarray(0, 3)), bytesOf(values.subarray(3))] }];
      const expected = Array.from(values, (value) => value * 2);
      for (let turn = 0; turn < 50; turn++) {
        const [one] = await outputsOf(instance, whole, [0]);
        const [two] = await outputsOf(instance, split, [0]);
        expect(floatsIn(one.data)).toEqual(expected);
        expect(floatsIn(two.data)).toEqual(expected);
        expect(two.shape).toEqual([4, 3]);
        expect(two.datatype).toBe('FP32');
      }
    });
  });

  it('multiplies quantized numbers without saturating, whatever the processor', async () => {
    // 4 x 255 x 127 = 129540, far beyond the 32767 to which pairs of products saturate where VNNI is missing.
    const scalar = (name: string, code: number, bytes: Uint8Array) => initializer(name, code, [], bytes);
    const onnx = model({
      nodes: [node('QLinearMatMul', ['x', 'one', 'zero', 'w', 'one', 'zeroWeight', 'thousand', 'zero'], ['y'])],
      inputs: [valueInfo('x', tensorType(elem.uint8, ['batch', 4]))],
      outputs: [valueInfo('y', tensorType(elem.uint8, ['batch', 1]))],
      initializers: [
        scalar('one', elem.float, floats([1])),
        scalar('thousand', elem.float, floats([1000])),
        scalar('zero', elem.uint8, Uint8Array.of(0)),
        scalar('zeroWeight', elem.int8, Uint8Array.of(0)),
        initializer('w', elem.int8, [4, 1], Uint8Array.of(127, 127, 127, 127)),
      ],
    });
    await withSession(engine, cpuSpec(folder.write('quantized.onnx', onnx)), async (instance) => {
      const [output] = await outputsOf(
        instance,
        [{ index: 0, shape: [1, 4], parts: [new Uint8Array(4).fill(255)] }],
        [0],
      );
      expect([...output.data]).toEqual([130]);
    });
  });

  it('gathers large parts, also such that begin at an odd address', async () => {
    await withSession(engine, cpuSpec(folder.write('double.onnx', doublingModel(10_000))), async (instance) => {
      const values = Float32Array.from({ length: 20_000 }, (_, i) => i);
      const odd = new Uint8Array(80_001).subarray(1);
      odd.set(bytesOf(values));
      for (const parts of [[odd], [odd.subarray(0, 40_000), odd.subarray(40_000)], [bytesOf(values)]]) {
        for (let turn = 0; turn < 3; turn++) {
          const [output] = await outputsOf(instance, [{ index: 0, shape: [2, 10_000], parts }], [0]);
          expect(floatsIn(output.data)).toEqual(Array.from(values, (value) => value * 2));
        }
      }
    });
  });

  it.each(datatypeNames)('carries %s unchanged, zero rows and scalars too', async (name) => {
    const code = datatypes[name].onnxCode;
    const width = datatypes[name].byteSize;
    const element = (i: number): Uint8Array =>
      width === 0
        ? encodeBytesElements([Uint8Array.from([i, 0, 255, 0])])
        : Uint8Array.from({ length: width }, (_, b) => (name === 'BOOL' ? i & 1 : (i * 7 + b) & 63));
    await withSession(engine, cpuSpec(folder.write('rows.onnx', identityModel(code, ['N', 2]))), async (instance) => {
      const parts = [element(1), element(2), element(3), element(4)];
      for (let turn = 0; turn < 3; turn++) {
        const [output] = await outputsOf(instance, [{ index: 0, shape: [2, 2], parts }], [0]);
        expect([...output.data]).toEqual(parts.flatMap((part) => [...part]));
        expect(output.shape).toEqual([2, 2]);
        expect(output.datatype).toBe(name);
        const [none] = await outputsOf(instance, [{ index: 0, shape: [0, 2], parts: [] }], [0]);
        expect(none.data.length).toBe(0);
        expect(none.shape).toEqual([0, 2]);
      }
    });
    await withSession(engine, cpuSpec(folder.write('scalar.onnx', identityModel(code, []))), async (instance) => {
      for (let turn = 0; turn < 3; turn++) {
        const [output] = await outputsOf(instance, [{ index: 0, shape: [], parts: [element(5)] }], [0]);
        expect([...output.data]).toEqual([...element(5)]);
        expect(output.shape).toEqual([]);
      }
    });
  });

  it('computes and returns only the outputs that are asked for, in the order asked', async () => {
    const bytes = model({
      nodes: [node('Neg', ['x'], ['a']), node('Abs', ['x'], ['b']), node('Identity', ['x'], ['c'])],
      inputs: [valueInfo('x', tensorType(elem.float, [2]))],
      outputs: ['a', 'b', 'c'].map((name) => valueInfo(name, tensorType(elem.float, [2]))),
    });
    await withSession(engine, cpuSpec(folder.write('three.onnx', bytes)), async (instance) => {
      const inputs = [{ index: 0, shape: [2], parts: [bytesOf(Float32Array.of(-1, 2))] }];
      for (const wanted of [[1], [2, 0], [0, 1, 2], [1]]) {
        const outputs = await outputsOf(instance, inputs, wanted);
        expect(outputs.map(({ index }) => index)).toEqual(wanted);
        expect(outputs.map(({ data }) => floatsIn(data))).toEqual(
          wanted.map(
            (index) =>
              [
                [1, -2],
                [1, 2],
                [-1, 2],
              ][index],
          ),
        );
      }
    });
  });

  it('hands through an output that is an input, and one that is a constant', async () => {
    const bytes = model({
      nodes: [node('Neg', ['x'], ['y'])],
      inputs: [valueInfo('x', tensorType(elem.float, ['N']))],
      outputs: [
        valueInfo('x', tensorType(elem.float, ['N'])),
        valueInfo('k', tensorType(elem.float, [2])),
        valueInfo('y', tensorType(elem.float, ['N'])),
      ],
      initializers: [initializer('k', elem.float, [2], floats([7, 8]))],
    });
    await withSession(engine, cpuSpec(folder.write('through.onnx', bytes)), async (instance) => {
      for (let turn = 0; turn < 20; turn++) {
        const inputs = [{ index: 0, shape: [2], parts: [bytesOf(Float32Array.of(turn, turn + 1))] }];
        const outputs = await outputsOf(instance, inputs, [0, 1, 2]);
        expect(outputs.map(({ data }) => floatsIn(data))).toEqual([
          [turn, turn + 1],
          [7, 8],
          [-turn, -turn - 1],
        ]);
      }
    });
  });

  it('answers with the shape that the values make, batch by batch', async () => {
    const bytes = model({
      nodes: [node('NonZero', ['x'], ['y'])],
      inputs: [valueInfo('x', tensorType(elem.float, [4]))],
      outputs: [valueInfo('y', tensorType(elem.int64, [1, null]))],
    });
    await withSession(engine, cpuSpec(folder.write('nonzero.onnx', bytes)), async (instance) => {
      for (const values of [
        [1, 0, 0, 2],
        [1, 0, 0, 2],
        [0, 0, 0, 0],
        [1, 1, 1, 1],
        [0, 5, 0, 0],
      ]) {
        const inputs = [{ index: 0, shape: [4], parts: [bytesOf(Float32Array.from(values))] }];
        const [output] = await outputsOf(instance, inputs, [0]);
        const places = values.flatMap((value, i) => (value === 0 ? [] : [BigInt(i)]));
        expect(output.shape).toEqual([1, places.length]);
        expect([...new BigInt64Array(output.data.buffer)]).toEqual(places);
      }
    });
  });

  it('lets an input with an initialiser be left out', async () => {
    const bytes = model({
      nodes: [node('Add', ['x', 'bias'], ['y'])],
      inputs: [valueInfo('bias', tensorType(elem.float, [1])), valueInfo('x', tensorType(elem.float, ['N']))],
      outputs: [valueInfo('y', tensorType(elem.float, ['N']))],
      initializers: [initializer('bias', elem.float, [1], floats([100]))],
    });
    await withSession(engine, cpuSpec(folder.write('bias.onnx', bytes)), async (instance, session) => {
      expect(session.signature.inputs.map(({ name, isOptional }) => [name, isOptional])).toEqual([
        ['bias', true],
        ['x', false],
      ]);
      const x = { index: 1, shape: [2], parts: [bytesOf(Float32Array.of(1, 2))] };
      const bias = { index: 0, shape: [1], parts: [bytesOf(Float32Array.of(10))] };
      for (let turn = 0; turn < 3; turn++) {
        expect(floatsIn((await outputsOf(instance, [x], [0]))[0].data)).toEqual([101, 102]);
        expect(floatsIn((await outputsOf(instance, [bias, x], [0]))[0].data)).toEqual([11, 12]);
      }
    });
  });

  it('runs a model without inputs, and refuses a batch that asks for no output', async () => {
    const bytes = model({
      nodes: [node('Constant', [], ['y'], { value: { tensor: initializer('', elem.float, [2], floats([3, 4])) } })],
      inputs: [],
      outputs: [valueInfo('y', tensorType(elem.float, [2]))],
    });
    await withSession(engine, cpuSpec(folder.write('constant.onnx', bytes)), async (instance) => {
      for (let turn = 0; turn < 40; turn++) {
        expect(floatsIn((await outputsOf(instance, [], [0]))[0].data)).toEqual([3, 4]);
        expect((await infer(instance, [], [])).error).toBeInstanceOf(InferenceError);
        expect((await infer(instance, [], [1])).error?.message).toMatch(/no output 1/);
      }
    });
  });

  it("begins the reason of a run or load that failed with Triton's words and the number of the runtime's error", async () => {
    const bytes = model({
      nodes: [node('Add', ['x', 'bias'], ['y'])],
      inputs: [valueInfo('x', tensorType(elem.float, ['n']))],
      outputs: [valueInfo('y', tensorType(elem.float, ['n']))],
      initializers: [initializer('bias', elem.float, [2], floats([3, 4]))],
    });
    await withSession(engine, cpuSpec(folder.write('two.onnx', bytes)), async (instance) => {
      const three = { index: 0, shape: [3], parts: [bytesOf(Float32Array.of(1, 2, 3))] };
      const { error } = await infer(instance, [three], [0]);
      expect(error?.message).toMatch(/^onnx runtime error \d+: Non-zero status code returned while running Add node/);
    });
    const unknown = model({
      nodes: [node('Nothing', ['x'], ['y'])],
      inputs: [valueInfo('x', tensorType(elem.float, ['n']))],
      outputs: [valueInfo('y', tensorType(elem.float, ['n']))],
    });
    const file = folder.write('unknown.onnx', unknown);
    await expect(engine.openSession(cpuSpec(file))).rejects.toThrow(/^onnx runtime error \d+: /);
  });

  it('reports a wrong batch and serves the next one', async () => {
    await withSession(engine, cpuSpec(folder.write('double.onnx', doublingModel(3))), async (instance) => {
      const row = bytesOf(Float32Array.of(1, 2, 3));
      const wrong = [
        { inputs: [{ index: 0, shape: [2, 3], parts: [row] }], text: /'x' has 12 bytes, expected 24/ },
        { inputs: [{ index: 0, shape: [1, 2], parts: [row.subarray(4)] }], text: /invalid dimensions|Got: 2/ },
        { inputs: [{ index: 0, shape: [-1, 3], parts: [row] }], text: /./ },
        { inputs: [{ index: 0, shape: [2 ** 53, 2 ** 53], parts: [row] }], text: /impossible shape/ },
        { inputs: [{ index: 7, shape: [1, 3], parts: [row] }], text: /./ },
        { inputs: [], text: /'x' is missing/ },
      ];
      for (const { inputs, text } of wrong) {
        const { error } = await infer(instance, inputs, [0]);
        expect(error?.message).toMatch(text);
        const [output] = await outputsOf(instance, [{ index: 0, shape: [1, 3], parts: [row] }], [0]);
        expect(floatsIn(output.data)).toEqual([2, 4, 6]);
      }
    });
  });

  it('refuses BYTES that do not hold what the shape says', async () => {
    await withSession(engine, cpuSpec(folder.write('s.onnx', identityModel(elem.string, ['N']))), async (instance) => {
      const one = encodeBytesElements([Uint8Array.of(65)]);
      for (const [shape, parts] of [
        [[2], [one]],
        [[0], [one]],
        [[2 ** 50], [one]],
        [[1], [one.subarray(0, 4)]],
        [[1], [Uint8Array.of(255, 255, 255, 255)]],
      ] as const) {
        const { error } = await infer(instance, [{ index: 0, shape: [...shape], parts: [...parts] }], [0]);
        expect(error?.code).toBe('invalid_argument');
        expect(error?.message).toMatch(/does not hold the \d+ BYTES elements/);
      }
    });
  });

  it('keeps the outputs of several batches apart until each is released', async () => {
    await withSession(engine, cpuSpec(folder.write('double.onnx', doublingModel(1))), async (instance) => {
      const results = await Promise.all(
        Array.from(
          { length: 40 },
          (_, i) =>
            new Promise<{ value: number; release: () => void }>((resolve) => {
              const batch = {
                inputs: [{ index: 0, shape: [1, 1], parts: [bytesOf(Float32Array.of(i))] }],
                outputs: [0],
              };
              instance.submit(batch, (result) =>
                resolve({
                  get value() {
                    const data = hostBytes(result.outputs[0].data);
                    return new DataView(data.buffer, data.byteOffset).getFloat32(0, true);
                  },
                  release: () => result.release(),
                }),
              );
            }),
        ),
      );
      expect(results.map(({ value }) => value)).toEqual(results.map((_, i) => i * 2));
      for (const { release } of results) release();
    });
  });

  it('leaves outputs readable after it was closed, until they are released', async () => {
    const session = await engine.openSession(cpuSpec(folder.write('double.onnx', doublingModel(1))));
    const instance = session.createInstance({ name: 'a_0', maxRows: 0 });
    const result = await new Promise<import('../../src/engine/engine.ts').EngineResult>((resolve) => {
      instance.submit(
        { inputs: [{ index: 0, shape: [1, 1], parts: [bytesOf(Float32Array.of(21))] }], outputs: [0] },
        resolve,
      );
    });
    await instance.close();
    await session.close();
    expect(floatsIn(result.outputs[0].data)).toEqual([42]);
    result.release();
    expect(result.outputs[0].data.length).toBe(0);
    const { error } = await infer(instance, [], [0]);
    expect(error?.message).toMatch(/closed/);
  });
});
