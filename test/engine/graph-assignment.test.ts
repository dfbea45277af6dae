/** Which provider runs which nodes, asked of the real runtime. */

import { afterAll, describe, expect, it } from 'vitest';
import { copiesIn } from '../../src/engine/graph-assignment.ts';
import { elem, floats, initializer, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';
import { cpuSpec, engineForTests, modelFolder } from './model-files.ts';

const engine = engineForTests();
const folder = modelFolder();
afterAll(() => folder.remove());

const layer = (): Uint8Array =>
  model({
    nodes: [
      node('MatMul', ['x', 'w'], ['m']),
      node('Relu', ['m'], ['r']),
      node('Gelu', ['r'], ['y'], {}, 'com.microsoft'),
    ],
    inputs: [valueInfo('x', tensorType(elem.float, ['N', 2]))],
    outputs: [valueInfo('y', tensorType(elem.float, ['N', 2]))],
    initializers: [initializer('w', elem.float, [2, 2], floats([1, 2, 3, 4]))],
    domainOpsets: { 'com.microsoft': 1 },
  });

describe('the assignment of a graph', () => {
  it('names the provider of each node, and operators of other domains with their domain', async () => {
    const { parts, copies } = await engine.readAssignment(cpuSpec(folder.write('layer.onnx', layer())));
    expect(new Set(parts.map(({ provider }) => provider))).toEqual(new Set(['CPUExecutionProvider']));
    expect(parts.flatMap(({ operators }) => operators).sort()).toEqual(['MatMul', 'Relu', 'com.microsoft.Gelu']);
    expect(copies).toBe(0);
  });

  it('is refused as serving is, with the reason', async () => {
    const file = folder.write('broken.onnx', new TextEncoder().encode('no model'));
    await expect(engine.readAssignment(cpuSpec(file))).rejects.toMatchObject({ code: 'invalid_argument' });
    const cuda = { device: { kind: 'cuda', ordinal: 99 }, requireDevice: true } as const;
    const there = folder.write('there.onnx', layer());
    await expect(engine.readAssignment(cpuSpec(there, cuda))).rejects.toMatchObject({ code: 'failed_precondition' });
  });
});

describe('a line of the runtime', () => {
  it('tells of the copies that it adds to a graph', () => {
    expect(
      copiesIn('5 Memcpy nodes are added to the graph main_graph for CUDAExecutionProvider. It might have negative …'),
    ).toBe(5);
    expect(copiesIn('CUDA kernel not found in registries for Op type: Loop')).toBe(0);
  });
});
