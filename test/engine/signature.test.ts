import { afterAll, describe, expect, it } from 'vitest';
import { isBoundedWork } from '../../src/engine/work-bound.ts';
import {
  elem,
  graph,
  model,
  node,
  optionalType,
  sequenceType,
  sparseTensorType,
  type TypeBytes,
  tensorType,
  valueInfo,
} from '../models/onnx-writer.ts';
import { engineForTests, modelFolder } from './model-files.ts';

const engine = engineForTests();
const folder = modelFolder();
afterAll(() => folder.remove());

describe('the signature of a model', () => {
  it('tells names, datatypes, shapes, symbols, opsets and metadata', async () => {
    const bytes = model({
      nodes: [node('Add', ['b', 'a'], ['sum']), node('Shape', ['any'], ['dims'])],
      inputs: [
        valueInfo('b', tensorType(elem.float, ['rows', 4])),
        valueInfo('a', tensorType(elem.float, [null, 4])),
        valueInfo('any', tensorType(elem.int64, null)),
      ],
      outputs: [
        valueInfo('sum', tensorType(elem.float, ['rows', 4])),
        valueInfo('dims', tensorType(elem.int64, [null])),
      ],
      producer: 'maker',
      description: 'what it is',
      modelVersion: 7,
      metadata: { author: 'a', empty: '' },
      name: 'the_graph',
    });
    const signature = await engine.inspect(folder.write('s.onnx', bytes));
    expect(signature.inputs).toEqual([
      { name: 'b', datatype: 'FP32', shape: [-1, 4], dimNames: ['rows', ''], isOptional: false, labels: [] },
      { name: 'a', datatype: 'FP32', shape: [-1, 4], dimNames: ['', ''], isOptional: false, labels: [] },
      { name: 'any', datatype: 'INT64', shape: null, dimNames: [], isOptional: false, labels: [] },
    ]);
    expect(signature.outputs.map(({ name }) => name)).toEqual(['sum', 'dims']);
    expect(signature.opsets.get('')).toBe(17);
    expect(signature).toMatchObject({
      irVersion: 8,
      producer: 'maker',
      description: 'what it is',
      modelVersion: 7,
      graphName: 'the_graph',
    });
    expect(signature.sharedScale).toBeUndefined();
    expect([...signature.metadata].sort()).toEqual([
      ['author', 'a'],
      ['empty', ''],
    ]);
  });

  it('names the operator that takes a scale from all rows', async () => {
    const bytes = model({
      nodes: [
        node('DynamicQuantizeLinear', ['x'], ['q', 'scale', 'zero']),
        node('DequantizeLinear', ['q', 'scale', 'zero'], ['y']),
      ],
      inputs: [valueInfo('x', tensorType(elem.float, ['batch', 4]))],
      outputs: [valueInfo('y', tensorType(elem.float, ['batch', 4]))],
    });
    const signature = await engine.inspect(folder.write('quantized.onnx', bytes));
    expect(signature.sharedScale).toBe('DynamicQuantizeLinear');
  });

  it('has the declared shape of an output that its operator makes with another rank, and says that it is disputed', async () => {
    const bytes = model({
      nodes: [node('Identity', ['x'], ['y']), node('Identity', ['x'], ['z'])],
      inputs: [valueInfo('x', tensorType(elem.float, ['N', 1]))],
      outputs: [valueInfo('y', tensorType(elem.float, ['N'])), valueInfo('z', tensorType(elem.float, null))],
    });
    const { outputs } = await engine.inspect(folder.write('disputed.onnx', bytes));
    expect(outputs[0]).toMatchObject({ shape: [-1], dimNames: ['N'], isShapeDisputed: true });
    expect(outputs[1]?.isShapeDisputed).toBeUndefined();
  });

  const tensor = tensorType(elem.float, ['N']);
  const refused: [string, TypeBytes, string][] = [
    ['a sequence', sequenceType(tensor), 'sequence(tensor(float))'],
    ['an optional tensor', optionalType(tensor), 'optional(tensor(float))'],
    ['4-bit integers', tensorType(elem.int4, ['N']), 'tensor(int4)'],
    ['8-bit floats', tensorType(elem.float8e4m3fn, ['N']), 'tensor(float8e4m3fn)'],
    ['complex numbers', tensorType(elem.complex64, ['N']), 'tensor(complex64)'],
    ['a sparse tensor', sparseTensorType(elem.float, [3, 3]), 'sparse_tensor(float)'],
  ];
  it.each(refused)('is refused with the reason when an input is %s', async (_, type, text) => {
    const bytes = model({
      nodes: [node('Neg', ['x'], ['y'])],
      inputs: [valueInfo('x', tensor), valueInfo('odd', type)],
      outputs: [valueInfo('y', tensor)],
      opset: 21,
      irVersion: 10,
    });
    await expect(engine.inspect(folder.write('odd.onnx', bytes))).rejects.toMatchObject({
      code: 'unimplemented',
      message: expect.stringContaining(`input 'odd' has type ${text}`),
    });
  });

  it('is refused without the path of the model where the runtime does not take it', async () => {
    const bytes = model({
      nodes: [node('NoSuchOperator', ['x'], ['y'])],
      inputs: [valueInfo('x', tensor)],
      outputs: [valueInfo('y', tensor)],
    });
    const file = folder.write('unknown.onnx', bytes);
    const refusal = await engine.inspect(file).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'invalid_argument', message: expect.stringContaining('NoSuchOperator') });
    expect((refusal as Error).message).not.toContain(folder.path);
  });
});

describe('work bounded by the size of the inputs', () => {
  it('is not found in loops, value-made sizes, foreign operators and unknown files', () => {
    expect(isBoundedWork({ operators: new Set(['Conv', 'Relu', 'ai.onnx.ml::Scaler']) })).toBe(true);
    for (const operator of ['Loop', 'Range', 'ConstantOfShape', 'com.microsoft::BeamSearch']) {
      expect(isBoundedWork({ operators: new Set(['Conv', operator]) })).toBe(false);
    }
    expect(isBoundedWork(null)).toBe(false);
  });
});

describe('a graph inside a graph', () => {
  it('serves', async () => {
    const scalar = tensorType(elem.float, []);
    const branch = (name: string) =>
      graph({ name, nodes: [node('Neg', ['x'], [name])], inputs: [], outputs: [valueInfo(name, scalar)] });
    const bytes = model({
      nodes: [node('If', ['c'], ['y'], { then_branch: { graph: branch('a') }, else_branch: { graph: branch('b') } })],
      inputs: [valueInfo('c', tensorType(elem.bool, [])), valueInfo('x', scalar)],
      outputs: [valueInfo('y', scalar)],
    });
    const signature = await engine.inspect(folder.write('if.onnx', bytes));
    expect(signature.inputs.map(({ shape }) => shape)).toEqual([[], []]);
  });
});
