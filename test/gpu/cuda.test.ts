/** The engine on a GPU. Skipped with the reason where there is none. */

import { spawnSync } from 'node:child_process';
import { afterAll, describe, expect, it } from 'vitest';
import type { SessionSpec } from '../../src/engine/engine.ts';
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
} from '../engine/model-files.ts';
import { elem, initializer, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';

const engine = engineForTests();
const { cudaProblem } = engine.describe();
const folder = modelFolder();
afterAll(() => folder.remove());
if (cudaProblem !== null) console.log(`skipped: ${cudaProblem}`);

const onGpu: Partial<SessionSpec> = { device: { kind: 'cuda', ordinal: 0 }, requireDevice: true };

const matrix = (rows: number, columns: number): Float32Array =>
  Float32Array.from({ length: rows * columns }, (_, i) => ((i * 7919) % 101) / 101 - 0.5);

/** y = relu(x · w), large enough that the device's memory shows it. */
const layerModel = (width: number): Uint8Array =>
  model({
    nodes: [node('MatMul', ['x', 'w'], ['m']), node('Relu', ['m'], ['y'])],
    inputs: [valueInfo('x', tensorType(elem.float, ['N', width]))],
    outputs: [valueInfo('y', tensorType(elem.float, ['N', width]))],
    initializers: [initializer('w', elem.float, [width, width], bytesOf(matrix(width, width)))],
  });

const usedMb = (): number => {
  const { stdout } = spawnSync('nvidia-smi', ['--query-gpu=memory.used', '--format=csv,noheader,nounits', '--id=0'], {
    encoding: 'utf8',
  });
  return Number.parseInt(stdout, 10);
};

describe.runIf(cudaProblem === null)('a session on a GPU', () => {
  it('is where it was asked to be', async () => {
    const [device] = engine.cudaDevices();
    expect(device.name.length).toBeGreaterThan(0);
    expect(device.uuid).toMatch(/^GPU-[0-9a-f-]{36}$/);
    expect(device.totalBytes).toBeGreaterThan(2 ** 30);
    expect(device.computeCapability).toBeGreaterThan(3);
    expect(engine.describe().driverVersion).toMatch(/^\d+\./);
    await withSession(engine, cpuSpec(folder.write('double.onnx', doublingModel(4)), onGpu), async (_, session) => {
      expect(session.device).toEqual({ kind: 'cuda', ordinal: 0 });
      expect(session.fallbackReason).toBeNull();
    });
  });

  it('gives the same answers as the CPU, for batches of changing size, in one part and in many', async () => {
    const width = 256;
    const file = folder.write('layer.onnx', layerModel(width));
    await withSession(engine, cpuSpec(file), async (cpu) => {
      await withSession(engine, cpuSpec(file, onGpu), async (gpu) => {
        for (const rows of [1, 8, 3, 8, 32, 1]) {
          const x = matrix(rows, width);
          const parts = Array.from({ length: rows }, (_, i) => bytesOf(x.subarray(i * width, (i + 1) * width)));
          for (const given of [[bytesOf(x)], parts]) {
            const inputs = [{ index: 0, shape: [rows, width], parts: given }];
            const [expected] = await outputsOf(cpu, inputs, [0]);
            const [answer] = await outputsOf(gpu, inputs, [0]);
            expect(answer.shape).toEqual([rows, width]);
            const expectedNumbers = floatsIn(expected.data);
            floatsIn(answer.data).forEach((value, i) => {
              expect(Math.abs(value - expectedNumbers[i])).toBeLessThan(0.02);
            });
          }
        }
      });
    });
  });

  it('carries strings and shapes that depend on values', async () => {
    await withSession(
      engine,
      cpuSpec(folder.write('text.onnx', identityModel(elem.string, ['N'])), onGpu),
      async (instance) => {
        const wire = Uint8Array.of(1, 0, 0, 0, 65, 0, 0, 0, 0);
        const [output] = await outputsOf(instance, [{ index: 0, shape: [2], parts: [wire] }], [0]);
        expect([...output.data]).toEqual([...wire]);
      },
    );
    const nonZero = model({
      nodes: [node('NonZero', ['x'], ['y'])],
      inputs: [valueInfo('x', tensorType(elem.float, [4]))],
      outputs: [valueInfo('y', tensorType(elem.int64, [1, null]))],
    });
    await withSession(engine, cpuSpec(folder.write('nonzero.onnx', nonZero), onGpu), async (instance) => {
      for (const values of [
        [1, 0, 0, 2],
        [0, 0, 0, 0],
        [1, 1, 1, 1],
      ]) {
        const inputs = [{ index: 0, shape: [4], parts: [bytesOf(Float32Array.from(values))] }];
        const [output] = await outputsOf(instance, inputs, [0]);
        expect(output.shape).toEqual([1, values.filter((value) => value !== 0).length]);
      }
    });
  });

  it('takes provider options by their names and refuses unknown ones', async () => {
    const file = folder.write('double.onnx', doublingModel(4));
    const cudaOptions = new Map([
      ['cudnn_conv_algo_search', 'DEFAULT'],
      ['device_id', '99'],
    ]);
    await withSession(engine, cpuSpec(file, { ...onGpu, cudaOptions }), async (_, session) => {
      expect(session.device).toEqual({ kind: 'cuda', ordinal: 0 });
    });
    const unknown = new Map([['no_such_option', '1']]);
    await expect(engine.openSession(cpuSpec(file, { ...onGpu, cudaOptions: unknown }))).rejects.toThrow(
      /no_such_option/,
    );
  });

  it('says so when the machine has no such GPU', async () => {
    const device = { kind: 'cuda', ordinal: 999 } as const;
    const spec = cpuSpec(folder.write('double.onnx', doublingModel(4)), { ...onGpu, device });
    await expect(engine.openSession(spec)).rejects.toThrow(/GPU 999 does not exist/);
  });

  it('shares its weights between instances and gives the memory back', async () => {
    const width = 8192;
    const file = folder.write('large.onnx', layerModel(width));
    const cycle = async (instanceCount: number): Promise<number> => {
      const session = await engine.openSession(cpuSpec(file, { ...onGpu, instanceCount }));
      const instances = Array.from({ length: instanceCount }, (_, i) =>
        session.createInstance({ name: `a_${i}`, maxRows: 1 }),
      );
      const row = { index: 0, shape: [1, width], parts: [bytesOf(matrix(1, width))] };
      for (const answer of await Promise.all(instances.map((instance) => infer(instance, [row], [0])))) {
        expect(answer.error).toBeNull();
      }
      const inUse = usedMb();
      await Promise.all(instances.map((instance) => instance.close()));
      await session.close();
      return inUse;
    };
    await cycle(1);
    const idle = usedMb();
    const one = await cycle(1);
    const four = await cycle(4);
    for (let i = 0; i < 5; i++) await cycle(2);
    const after = usedMb();
    console.log(`GPU memory: idle ${idle} MB, 1 instance ${one} MB, 4 instances ${four} MB, afterwards ${after} MB`);
    expect(one - idle).toBeGreaterThan(200);
    // The weights are 256 MB. Each further instance costs the workspaces of its stream, 146 MB on an H200.
    expect(four - one).toBeLessThan(3 * 200);
    expect(after - idle).toBeLessThan(64);
  });
});
