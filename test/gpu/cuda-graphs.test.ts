/** CUDA graphs on a GPU: the answers of the CPU for every number of rows, beside other models. Skipped where there is none. */

import { spawnSync } from 'node:child_process';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { EngineInstance, SessionSpec } from '../../src/engine/engine.ts';
import { type Logger, silentLogger } from '../../src/logger.ts';
import {
  bytesOf,
  cpuSpec,
  doublingModel,
  engineForTests,
  floatsIn,
  modelFolder,
  outputsOf,
  withSession,
} from '../engine/model-files.ts';
import { elem, initializer, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';

const warnings: string[] = [];
const keep = (_: unknown, text: string): void => void warnings.push(text);
const logger: Logger = { ...silentLogger, warn: keep, error: keep };
const engine = engineForTests({ logger });
const { cudaProblem } = engine.describe();
const folder = modelFolder();
afterAll(() => folder.remove());
beforeEach(() => void warnings.splice(0));
if (cudaProblem !== null) console.log(`skipped: ${cudaProblem}`);

const width = 64;
const maxRows = 16;
const onGpu: Partial<SessionSpec> = { device: { kind: 'cuda', ordinal: 0 }, requireDevice: true };
const withGraphs: Partial<SessionSpec> = { ...onGpu, graphRows: [1, 2, 4, 8, maxRows] };

const numbers = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => (((i + seed) * 7919) % 101) / 101 - 0.5);

/** y = relu(x · w) + z, t = x · w: two inputs and two outputs. */
const file = folder.write(
  'graphs.onnx',
  model({
    nodes: [node('MatMul', ['x', 'w'], ['t']), node('Relu', ['t'], ['r']), node('Add', ['r', 'z'], ['y'])],
    inputs: ['x', 'z'].map((name) => valueInfo(name, tensorType(elem.float, ['N', width]))),
    outputs: ['y', 't'].map((name) => valueInfo(name, tensorType(elem.float, ['N', width]))),
    initializers: [initializer('w', elem.float, [width, width], bytesOf(numbers(width * width, 1)))],
  }),
);

const batchOf = (rows: number, seed: number) =>
  [0, 1].map((index) => ({
    index,
    shape: [rows, width],
    parts: Array.from({ length: rows }, (_, i) => bytesOf(numbers(width, seed + index * 31 + i * 17))),
  }));

async function compare(gpu: EngineInstance, cpu: EngineInstance, rows: number, seed: number): Promise<void> {
  const inputs = batchOf(rows, seed);
  const wanted = seed % 3 === 0 ? [1] : [0, 1];
  const [expected, answers] = await Promise.all([outputsOf(cpu, inputs, wanted), outputsOf(gpu, inputs, wanted)]);
  for (const [i, answer] of answers.entries()) {
    expect(answer.shape).toEqual([rows, width]);
    const right = floatsIn((expected[i] as typeof answer).data);
    const worst = floatsIn(answer.data).reduce((most, value, at) => Math.max(most, Math.abs(value - right[at])), 0);
    expect(worst, `${rows} rows, seed ${seed}`).toBeLessThan(0.02);
  }
}

const usedMb = (): number =>
  Number.parseInt(
    spawnSync('nvidia-smi', ['--query-gpu=memory.used', '--format=csv,noheader,nounits', '--id=0'], {
      encoding: 'utf8',
    }).stdout,
    10,
  );

describe.runIf(cudaProblem === null)('CUDA graphs', () => {
  it('give the answers of the CPU for any number of rows in any order, also more than were captured', async () => {
    await withSession(engine, cpuSpec(file), async (cpu) => {
      await withSession(
        engine,
        cpuSpec(file, withGraphs),
        async (gpu, session) => {
          expect(session.graphProblem).toBeNull();
          for (let turn = 0; turn < 200; turn++) await compare(gpu, cpu, 1 + ((turn * 7) % (maxRows + 3)), turn);
        },
        maxRows,
      );
    });
    expect(warnings).toEqual([]);
  });

  it('cost less than runs without', async () => {
    const msOf = async (spec: Partial<SessionSpec>): Promise<number> =>
      withSession(engine, cpuSpec(file, spec), async (instance) => {
        for (let i = 0; i < 50; i++) await outputsOf(instance, batchOf(1, i), [0]);
        const begin = performance.now();
        for (let i = 0; i < 500; i++) await outputsOf(instance, batchOf(1, i), [0]);
        return (performance.now() - begin) / 500;
      });
    const plain = await msOf(onGpu);
    const graphs = await msOf(withGraphs);
    // A figure and no expectation: a test does not depend on the speed of the machine.
    console.log(`graphs: one row ${graphs.toFixed(3)} ms, without ${plain.toFixed(3)} ms`);
    expect(warnings).toEqual([]);
  });

  it('stay right on two instances while other models are loaded, run and unloaded', async () => {
    const other = folder.write('other.onnx', doublingModel(256));
    await withSession(engine, cpuSpec(file), async (cpu) => {
      let isOver = false;
      const serve = async (seed: number): Promise<number> =>
        withSession(
          engine,
          cpuSpec(file, withGraphs),
          async (gpu) => {
            let turn = 0;
            while (!isOver || turn < 20) await compare(gpu, cpu, 1 + ((turn * 5) % maxRows), seed + turn++);
            return turn;
          },
          maxRows,
        );
      const serving = Promise.all([serve(0), serve(1000)]);
      try {
        for (let i = 0; i < 20; i++) {
          for (const spec of [onGpu, { ...onGpu, graphRows: [1, 4] }]) {
            await withSession(engine, cpuSpec(other, spec), async (instance) => {
              const x = numbers(256, i);
              const [y] = await outputsOf(instance, [{ index: 0, shape: [1, 256], parts: [bytesOf(x)] }], [0]);
              expect(floatsIn((y as { data: Uint8Array }).data)).toEqual([...x].map((value) => value * 2));
            });
          }
        }
      } finally {
        isOver = true;
      }
      console.log(`graphs: ${(await serving).join(' and ')} batches beside 40 loads and unloads`);
    });
    expect(warnings).toEqual([]);
  });

  it('are left out with a reason where a model cannot have them', async () => {
    const closed = model({
      nodes: [node('Relu', ['x'], ['y'])],
      inputs: [valueInfo('x', tensorType(elem.float, ['N', null]))],
      outputs: [valueInfo('y', tensorType(elem.float, ['N', null]))],
    });
    await withSession(engine, cpuSpec(folder.write('open.onnx', closed), withGraphs), async (instance, session) => {
      expect(session.graphProblem).toContain("input 'x' has other open dimensions");
      const x = numbers(3, 1);
      const [y] = await outputsOf(instance, [{ index: 0, shape: [1, 3], parts: [bytesOf(x)] }], [0]);
      expect(floatsIn((y as { data: Uint8Array }).data)).toEqual([...x].map((value) => Math.max(0, value)));
    });
  });

  it('give their memory back', async () => {
    const cycle = (): Promise<void> =>
      withSession(
        engine,
        cpuSpec(file, withGraphs),
        async (instance) => void (await outputsOf(instance, batchOf(3, 1), [0])),
        maxRows,
      );
    for (let i = 0; i < 3; i++) await cycle();
    const before = usedMb();
    for (let i = 0; i < 60; i++) await cycle();
    const after = usedMb();
    console.log(`graphs: GPU memory ${before} MB, after 60 loads and unloads ${after} MB`);
    expect(after - before).toBeLessThan(64);
  });
});
