/** The lines of the runtime that are logged as faults, and the release of memory by an idle instance. */

import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { idleSlabMs } from '../../src/engine/idle-slabs.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { RecordingLogger } from '../fakes/recording-logger.ts';
import { elem, floats, int64s, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';
import { doublingLoop, endlessLoop, wideInside } from '../models/costly-models.ts';
import { cpuSpec, doublingModel, engineForTests, handOver, infer, modelFolder, withSession } from './model-files.ts';

const clock = new FakeClock();
const logger = new RecordingLogger();
const engine = engineForTests({ logger, clock });
const folder = modelFolder();
afterAll(() => folder.remove());
beforeEach(() => logger.lines.splice(0));

const faults = () => logger.lines.filter(({ level }) => level === 'warn' || level === 'error');

/** y[i] = x[index[i]], which fails for an index that x does not have. */
const gatherModel = (): Uint8Array =>
  model({
    nodes: [node('Gather', ['x', 'index'], ['y'])],
    inputs: [valueInfo('x', tensorType(elem.float, [4])), valueInfo('index', tensorType(elem.int64, [1]))],
    outputs: [valueInfo('y', tensorType(elem.float, [1]))],
  });

const nonZeroModel = (): Uint8Array =>
  model({
    nodes: [node('NonZero', ['x'], ['y'])],
    inputs: [valueInfo('x', tensorType(elem.float, ['N']))],
    outputs: [valueInfo('y', tensorType(elem.int64, [1, 'M']))],
  });

/** x [N, 1] → y as large, which the model declares to be one number. */
const otherShapeModel = (): Uint8Array =>
  model({
    nodes: [node('Neg', ['x'], ['y'])],
    inputs: [valueInfo('x', tensorType(elem.float, ['N', 1]))],
    outputs: [valueInfo('y', tensorType(elem.float, [1, 1]))],
  });

const zeroRow = { index: 0, shape: [1, 4], parts: [new Uint8Array(16)] };

describe('the log', () => {
  it.each(['sequential', 'parallel'] as const)('has no fault for shapes that the values make (%s)', async (mode) => {
    const spec = cpuSpec(folder.write('nonzero.onnx', nonZeroModel()), { executionMode: mode, interOpThreads: 2 });
    await withSession(engine, spec, async (instance) => {
      for (let turn = 0; turn < 64; turn++) {
        const values = Array.from({ length: 4 + (turn % 3) }, (_, i) => (turn >> i) & 1);
        const { error, outputs } = await infer(
          instance,
          [{ index: 0, shape: [values.length], parts: [floats(values)] }],
          [0],
        );
        expect(error).toBeNull();
        expect(outputs[0].shape[1]).toBe(values.filter((value) => value === 1).length);
      }
    });
    expect(faults()).toEqual([]);
  });

  it.each(['sequential', 'parallel'] as const)(
    'has no fault for a batch whose failure is answered (%s)',
    async (mode) => {
      const spec = cpuSpec(folder.write('gather.onnx', gatherModel()), { executionMode: mode, interOpThreads: 2 });
      await withSession(engine, spec, async (instance) => {
        for (const index of [1n, 1n, 9n, 2n, 9n, 9n]) {
          const inputs = [
            { index: 0, shape: [4], parts: [floats([1, 2, 3, 4])] },
            { index: 1, shape: [1], parts: [int64s([index])] },
          ];
          expect((await infer(instance, inputs, [0])).error === null).toBe(index < 4n);
        }
      });
      expect(faults()).toEqual([]);
      // For those who look closer.
      expect(logger.lines.some(({ level, fields }) => level === 'debug' && fields.model === 'test:1')).toBe(true);
    },
  );

  it('has no fault for a model that is refused: the refusal says it', async () => {
    const broken = model({
      nodes: [node('Add', ['x', 'missing'], ['y'])],
      inputs: [valueInfo('x', tensorType(elem.float, [1]))],
      outputs: [valueInfo('y', tensorType(elem.float, [1]))],
    });
    await expect(engine.openSession(cpuSpec(folder.write('broken.onnx', broken)))).rejects.toThrow(/missing/);
    expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('has no fault for a batch that is ended', async () => {
    await withSession(engine, cpuSpec(folder.write('endless.onnx', endlessLoop())), async (instance) => {
      for (const returnsMemory of [false, true]) {
        const { ticket, answer } = handOver(instance, [zeroRow], [0], { returnsMemory });
        await new Promise((resolve) => setTimeout(resolve, 20));
        ticket.end();
        expect((await answer).error?.code).toBe('cancelled');
      }
    });
    expect(faults()).toEqual([]);
  });

  it('has a warning that comes with every batch once, and again when the model is opened anew', async () => {
    const spec = cpuSpec(folder.write('other-shape.onnx', otherShapeModel()));
    for (let opened = 0; opened < 2; opened++) {
      logger.lines.splice(0);
      await withSession(engine, spec, async (instance) => {
        for (const rows of [1, 2, 3, 10, 100]) {
          const input = { index: 0, shape: [rows, 1], parts: [new Uint8Array(rows * 4)] };
          const { error, outputs } = await infer(instance, [input], [0]);
          expect(error).toBeNull();
          expect(outputs[0].shape).toEqual([rows, 1]);
        }
      });
      const told = logger.lines.filter(({ message }) => message.includes('Expected shape'));
      expect(told.filter(({ level }) => level === 'warn').length).toBe(1);
      expect(told.filter(({ level }) => level === 'debug').length).toBe(3);
    }
  });
});

describe('the memory of a run that is to return it', () => {
  const mebibyte = 2 ** 20;
  const grownMiB = async (run: () => Promise<unknown>): Promise<number> => {
    const before = process.memoryUsage.rss();
    await run();
    return (process.memoryUsage.rss() - before) / mebibyte;
  };

  it('is back with the system when it is over, and stays with the model otherwise', async () => {
    // Two tensors of 96 MiB at once.
    const spec = cpuSpec(folder.write('wide.onnx', wideInside(24 * mebibyte)));
    await withSession(engine, spec, async (instance) => {
      const run = (returnsMemory: boolean) => handOver(instance, [zeroRow], [0], { returnsMemory }).answer;
      const kept = await grownMiB(() => run(false));
      expect(kept).toBeGreaterThan(90);
      expect(await grownMiB(() => run(true))).toBeLessThan(-90);
      expect(await grownMiB(() => run(true))).toBeLessThan(16);
    });
  });

  it('is back also where the run was ended', async () => {
    await withSession(engine, cpuSpec(folder.write('doubling.onnx', doublingLoop())), async (instance) => {
      const grown = await grownMiB(async () => {
        const before = process.memoryUsage.rss();
        const { ticket, answer } = handOver(instance, [zeroRow], [0], { returnsMemory: true });
        while (process.memoryUsage.rss() < before + 128 * mebibyte)
          await new Promise((resolve) => setImmediate(resolve));
        ticket.end();
        expect((await answer).error?.code).toBe('cancelled');
      });
      expect(grown).toBeLessThan(64);
    });
  });

  it('may be asked of a session without an arena', async () => {
    const spec = cpuSpec(folder.write('no-arena.onnx', doublingModel(4)), { enableMemoryArena: false });
    await withSession(engine, spec, async (instance) => {
      expect((await handOver(instance, [zeroRow], [0], { returnsMemory: true }).answer).error).toBeNull();
    });
  });
});

describe('an idle instance', () => {
  it('gives the memory of its last batches back', async () => {
    await withSession(engine, cpuSpec(folder.write('double.onnx', doublingModel(16))), async (instance) => {
      const rows = 500_000;
      const odd = { index: 0, shape: [rows, 16], parts: [new Uint8Array(rows * 32), new Uint8Array(rows * 32)] };
      const held = await new Promise<import('../../src/engine/engine.ts').EngineResult>((resolve) => {
        instance.submit({ inputs: [odd], outputs: [0] }, resolve);
      });
      const { data } = held.outputs[0];
      clock.advance(2 * idleSlabMs);
      // Somebody still looks at it.
      expect(data.length).toBe(rows * 64);
      held.release();
      clock.advance(2 * idleSlabMs);
      expect(data.length).toBe(0);
      const { error } = await infer(instance, [{ index: 0, shape: [1, 16], parts: [new Uint8Array(64)] }], [0]);
      expect(error).toBeNull();
    });
  });
});
