/** Where batches run, how they are cancelled, and the memory that they leave behind. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, describe, expect, it } from 'vitest';
import type { EngineInstance } from '../../src/engine/engine.ts';
import type { Logger } from '../../src/logger.ts';
import { elem, floats, initializer, int64s, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';
import { loopModel } from './loop-model.ts';
import {
  bytesOf,
  cpuSpec,
  doublingModel,
  engineForTests,
  floatsIn,
  handOver,
  infer,
  modelFolder,
  outputsOf,
  withSession,
} from './model-files.ts';

const lines: { level: string; fields: Record<string, unknown>; message: string }[] = [];
const record =
  (level: string) =>
  (fields: Record<string, unknown>, message: string): void => {
    lines.push({ level, fields, message });
  };
const logger: Logger = { debug: record('debug'), info: record('info'), warn: record('warn'), error: record('error') };
const engine = engineForTests({ logger });
const folder = modelFolder();
afterAll(() => folder.remove());

/** y = x · w with w of width × width halves. */
const matrixModel = (width: number): Uint8Array =>
  model({
    nodes: [node('MatMul', ['x', 'w'], ['y'])],
    inputs: [valueInfo('x', tensorType(elem.float, ['N', width]))],
    outputs: [valueInfo('y', tensorType(elem.float, ['N', width]))],
    initializers: [initializer('w', elem.float, [width, width], bytesOf(new Float32Array(width * width).fill(0.5)))],
  });

const loopInputs = (trips: bigint) => [
  { index: 0, shape: [], parts: [int64s([trips])] },
  { index: 1, shape: [], parts: [floats([1])] },
];

/** Whether `done` was called before `submit` came back. */
const ranInline = (instance: EngineInstance, inputs: Parameters<typeof infer>[1]): Promise<boolean> =>
  new Promise((resolve, reject) => {
    let isBack = false;
    instance.submit({ inputs, outputs: [0] }, (result) => {
      if (result.error !== null) reject(result.error);
      result.release();
      resolve(!isBack);
    });
    isBack = true;
  });

describe('a very short model', () => {
  it('moves to the event loop after some batches, but not for batches larger than it has seen', async () => {
    await withSession(engine, cpuSpec(folder.write('double.onnx', doublingModel(4))), async (instance) => {
      const row = { index: 0, shape: [1, 4], parts: [floats([1, 2, 3, 4])] };
      expect(await ranInline(instance, [row])).toBe(false);
      let batches = 1;
      while (!(await ranInline(instance, [row])) && batches < 5000) batches++;
      expect(batches).toBeGreaterThanOrEqual(16);
      expect(batches).toBeLessThan(5000);
      const larger = { index: 0, shape: [3, 4], parts: [row.parts[0], row.parts[0], row.parts[0]] };
      expect(await ranInline(instance, [larger])).toBe(false);
      const [output] = await outputsOf(instance, [row], [0]);
      expect(floatsIn(output.data)).toEqual([2, 4, 6, 8]);
    });
  });

  it('stays off the event loop when its work is not bounded', async () => {
    await withSession(engine, cpuSpec(folder.write('loop.onnx', loopModel())), async (instance) => {
      for (let i = 0; i < 100; i++) expect(await ranInline(instance, loopInputs(1n))).toBe(false);
    });
  });
});

describe('ending a batch early', () => {
  it('answers cancelled, logs with the name of the model, and serves the next batch', async () => {
    const spec = cpuSpec(folder.write('loop.onnx', loopModel()), { label: 'endless:3' });
    await withSession(engine, spec, async (instance) => {
      const endless = handOver(instance, loopInputs(2n ** 62n), [0]);
      await new Promise((resolve) => setTimeout(resolve, 50));
      endless.ticket.end();
      const { error } = await endless.answer;
      expect(error?.code).toBe('cancelled');
      expect(error?.message).toContain('endless:3');
      const [output] = await outputsOf(instance, loopInputs(3n), [0]);
      expect(floatsIn(output.data)).toEqual([8]);
    });
    expect(lines.some(({ fields }) => fields.model === 'endless:3')).toBe(true);
  });

  it('does not hold back another model', async () => {
    await withSession(engine, cpuSpec(folder.write('loop.onnx', loopModel())), async (endless) => {
      const running = handOver(endless, loopInputs(2n ** 62n), [0]);
      await withSession(engine, cpuSpec(folder.write('double.onnx', doublingModel(1))), async (instance) => {
        for (let i = 0; i < 20; i++) {
          const [output] = await outputsOf(instance, [{ index: 0, shape: [1, 1], parts: [floats([i])] }], [0]);
          expect(floatsIn(output.data)).toEqual([2 * i]);
        }
      });
      running.ticket.end();
      expect((await running.answer).error?.code).toBe('cancelled');
    });
  });

  it('lets close wait for the running batch', async () => {
    const session = await engine.openSession(cpuSpec(folder.write('loop.onnx', loopModel())));
    const instance = session.createInstance({ name: 'a_0', maxRows: 0 });
    let isDone = false;
    const batch = infer(instance, loopInputs(50_000n), [0]).then((answer) => {
      isDone = true;
      return answer;
    });
    await instance.close();
    expect(isDone).toBe(true);
    expect((await batch).error).toBeNull();
    await instance.close();
    await session.close();
    await session.close();
  });
});

describe('memory', () => {
  // Node collects garbage on demand only when it is told so.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const rssMb = (): number => {
    collect();
    // Buffers of the first collection are freed by another thread; the second waits for it.
    collect();
    return process.memoryUsage().rss / 2 ** 20;
  };

  it('holds the weights once for eight instances of a 50 MB model', async () => {
    const width = 3600;
    const file = folder.write('large.onnx', matrixModel(width));
    const sizeMb = (width * width * 4) / 2 ** 20;
    const row = { index: 0, shape: [1, width], parts: [floats(new Float32Array(width).fill(1))] };
    const runOn = async (instance: EngineInstance): Promise<void> => {
      const [output] = await outputsOf(instance, [row], [0]);
      expect(floatsIn(output.data)[7]).toBe(width / 2);
    };
    const session = await engine.openSession(cpuSpec(file, { instanceCount: 8 }));
    const create = (i: number) => session.createInstance({ name: `large_${i}`, maxRows: 1 });
    const instances = [create(0)];
    await runOn(instances[0]);
    const oneMb = rssMb();
    for (let i = 1; i < 8; i++) instances.push(create(i));
    await Promise.all(instances.map(runOn));
    const eightMb = rssMb();
    const second = await engine.openSession(cpuSpec(file));
    const twoSessionsMb = rssMb();
    console.log(
      `a ${sizeMb.toFixed(0)} MB model: 7 more instances ${(eightMb - oneMb).toFixed(0)} MB, ` +
        `another session ${(twoSessionsMb - eightMb).toFixed(0)} MB`,
    );
    expect(eightMb - oneMb).toBeLessThan(sizeMb / 2);
    expect(twoSessionsMb - eightMb).toBeGreaterThan(sizeMb / 2);
    await Promise.all(instances.map((instance) => instance.close()));
    await session.close();
    await second.close();
  });

  it('is flat over many small batches', async () => {
    await withSession(engine, cpuSpec(folder.write('double.onnx', doublingModel(16))), async (instance) => {
      const parts = Array.from({ length: 4 }, () => floats(new Float32Array(16)));
      const run = async (count: number): Promise<void> => {
        for (let left = count; left > 0; left -= 1000) {
          for (let i = 0; i < 1000; i++) {
            const rows = 1 + (i % 4);
            await infer(instance, [{ index: 0, shape: [rows, 16], parts: parts.slice(0, rows) }], [0]);
          }
        }
      };
      await run(20_000);
      const before = rssMb();
      await run(80_000);
      const grownMb = rssMb() - before;
      console.log(`80000 batches: ${grownMb.toFixed(1)} MB`);
      expect(grownMb).toBeLessThan(30);
    });
  });

  it('is flat over 200 sessions opened and closed, with refused ones in between', async () => {
    const good = folder.write('double.onnx', doublingModel(16));
    const bad = folder.write('bad.onnx', model({ nodes: [node('No', ['x'], ['y'])], inputs: [], outputs: [] }));
    const cycle = async (): Promise<void> => {
      await withSession(engine, cpuSpec(good), async (instance) => {
        await outputsOf(instance, [{ index: 0, shape: [1, 16], parts: [floats(new Float32Array(16))] }], [0]);
      });
      await expect(engine.openSession(cpuSpec(bad))).rejects.toThrow();
    };
    for (let i = 0; i < 40; i++) await cycle();
    const before = rssMb();
    for (let i = 0; i < 160; i++) await cycle();
    const grownMb = rssMb() - before;
    console.log(`160 sessions: ${grownMb.toFixed(1)} MB`);
    expect(grownMb).toBeLessThan(30);
  });

  it('goes down again after one odd batch', async () => {
    // The runtime's own arena would keep what it once had.
    const spec = cpuSpec(folder.write('double.onnx', doublingModel(16)), { enableMemoryArena: false });
    await withSession(engine, spec, async (instance) => {
      const row = { index: 0, shape: [1, 16], parts: [floats(new Float32Array(16))] };
      for (let i = 0; i < 100; i++) await infer(instance, [row], [0]);
      const before = rssMb();
      const runOdd = async (rows: number): Promise<void> => {
        const halves = [new Uint8Array(rows * 32), new Uint8Array(rows * 32)];
        expect((await infer(instance, [{ index: 0, shape: [rows, 16], parts: halves }], [0])).error).toBeNull();
      };
      for (let i = 0; i < 3; i++) await runOdd(1_000_000);
      for (let i = 0; i < 2000; i++) await infer(instance, [row], [0]);
      const grownMb = rssMb() - before;
      console.log(`after batches of 64 MB: ${grownMb.toFixed(1)} MB`);
      expect(grownMb).toBeLessThan(40);
    });
  });
});
