/** A ticket ends the batch that it names and no other, whatever the addon's thread has done meanwhile. */

import { afterAll, describe, expect, it } from 'vitest';
import type { EngineInstance } from '../../src/engine/engine.ts';
import { Cancellation } from '../../src/inference/context.ts';
import { admit } from '../../src/scheduling/admission/admission.ts';
import { compileAdmission } from '../../src/scheduling/admission/plan.ts';
import { chooseScheduler } from '../../src/scheduling/create-scheduler.ts';
import { silentLogger } from '../../src/logger.ts';
import { systemClock } from '../../src/time.ts';
import { dynamicBatching, inputConfig, modelConfig, outputConfig } from '../fakes/make-model.ts';
import { inferenceContext, inferenceRequest } from '../fakes/make-request.ts';
import { RecordingObserver } from '../fakes/recording-observer.ts';
import { elem, floats, initializer, int64s, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';
import { loopModel } from './loop-model.ts';
import {
  bytesOf,
  cpuSpec,
  doublingModel,
  engineForTests,
  handOver,
  infer,
  modelFolder,
  withSession,
} from './model-files.ts';

const engine = engineForTests();
const folder = modelFolder();
afterAll(() => folder.remove());

const loopInputs = (trips: bigint) => [
  { index: 0, shape: [], parts: [int64s([trips])] },
  { index: 1, shape: [], parts: [floats([1])] },
];
const endless = 2n ** 62n;

/** Keeps the event loop from hearing anything, while threads go on. */
function holdLoop(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

const onLoop = (use: (instance: EngineInstance) => Promise<void>): Promise<void> =>
  withSession(engine, cpuSpec(folder.write('loop.onnx', loopModel())), use);

describe('a ticket', () => {
  it('of a batch that is done, but not heard of, does nothing to the one that runs', async () => {
    await onLoop(async (instance) => {
      for (let i = 0; i < 40; i++) {
        const first = handOver(instance, loopInputs(1n), [0]);
        const second = handOver(instance, loopInputs(2000n), [0]);
        holdLoop(i / 10);
        first.ticket.end();
        expect((await second.answer).error).toBeNull();
        // Before it began, or while it ran, its batch was ended with right.
        expect([undefined, 'cancelled']).toContain((await first.answer).error?.code);
      }
    });
  });

  it('of a batch that waits ends it before it runs, and not the one that runs', async () => {
    await onLoop(async (instance) => {
      const first = handOver(instance, loopInputs(20_000n), [0]);
      const second = handOver(instance, loopInputs(endless), [0]);
      second.ticket.end();
      const answer = await second.answer;
      expect(answer.error?.code).toBe('cancelled');
      expect(answer.inferNs).toBe(0);
      expect((await first.answer).error).toBeNull();
    });
  });

  it('does nothing when its batch was answered, also when the frame serves another batch', async () => {
    await onLoop(async (instance) => {
      const first = handOver(instance, loopInputs(1n), [0]);
      await first.answer;
      const second = handOver(instance, loopInputs(5000n), [0]);
      first.ticket.end();
      expect((await second.answer).error).toBeNull();
    });
  });

  it('of a batch that ran at once, or never reached the engine, does nothing', async () => {
    await withSession(engine, cpuSpec(folder.write('double.onnx', doublingModel(1))), async (instance) => {
      const row = [{ index: 0, shape: [1, 1], parts: [floats([1])] }];
      for (let i = 0; i < 100; i++) await infer(instance, row, [0]);
      const { ticket, answer } = handOver(instance, row, [0]);
      ticket.end();
      expect([undefined, 'cancelled']).toContain((await answer).error?.code);
      const refused = handOver(instance, [{ index: 9, shape: [1, 1], parts: [floats([1])] }], [0]);
      refused.ticket.end();
      expect((await refused.answer).error).not.toBeNull();
      expect((await infer(instance, row, [0])).error).toBeNull();
    });
  });
});

describe('callers who stay', () => {
  const width = 384;
  const rowsEach = 16;
  const callersOfBatch = 4;

  /** y = x · w, some milliseconds for a full batch. */
  const slowModel = (): Uint8Array =>
    model({
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
      inputs: [valueInfo('x', tensorType(elem.float, ['N', width]))],
      outputs: [valueInfo('y', tensorType(elem.float, ['N', width]))],
      initializers: [initializer('w', elem.float, [width, width], bytesOf(new Float32Array(width * width).fill(0.5)))],
    });

  it('are answered, however late the event loop hears that callers of the batch before them have left', async () => {
    const maxBatchSize = rowsEach * callersOfBatch;
    const config = modelConfig({
      maxBatchSize,
      dynamicBatching: dynamicBatching(),
      inputs: [inputConfig('x', 'FP32', [width])],
      outputs: [outputConfig('y', 'FP32', [width])],
    });
    const spec = cpuSpec(folder.write('slow.onnx', slowModel()));
    await withSession(
      engine,
      spec,
      async (instance, session) => {
        const observer = new RecordingObserver();
        const identity = { modelName: 'slow', modelVersion: '1' };
        const scheduler = chooseScheduler(config)(
          { identity, config, signature: session.signature, labels: new Map(), batchFault: null },
          [instance],
          { clock: systemClock, turn: { id: 0 }, observer, gate: null, maxQueuedRequests: 1000, logger: silentLogger },
        );
        const plan = compileAdmission(config, session.signature);
        const data = bytesOf(new Float32Array(rowsEach * width).fill(1));
        const inputs = [{ name: 'x', datatype: 'FP32' as const, shape: [rowsEach, width], data }];
        const send = () => {
          const cancellation = new Cancellation();
          const answer = new Promise<string | null>((resolve) => {
            scheduler.schedule(admit(plan, inferenceRequest({ inputs })), inferenceContext({ cancellation }), {
              next: (response) => {
                response.release();
                resolve(null);
              },
              fail: (error) => resolve(error.code),
            });
          });
          return { answer, leave: () => cancellation.cancel() };
        };
        await send().answer;
        let prefetched = 0;
        for (let i = 0; i < 60; i++) {
          const leaving = Array.from({ length: callersOfBatch }, send);
          const staying = Array.from({ length: callersOfBatch }, send);
          if (scheduler.waitingCount === 0) prefetched++;
          // Some turns end while the first batch runs, some when the second does.
          holdLoop(i / 4);
          for (const { leave } of leaving) leave();
          expect(await Promise.all(staying.map(({ answer }) => answer))).toEqual(staying.map(() => null));
          expect(new Set(await Promise.all(leaving.map(({ answer }) => answer)))).toEqual(new Set(['cancelled']));
        }
        // Otherwise nothing was tried.
        expect(prefetched).toBeGreaterThan(0);
        await scheduler.drain();
      },
      maxBatchSize,
    );
  });
});
