/** A limit for the batches of all models together, with instances of the real engine. */

import { afterAll, describe, expect, it } from 'vitest';
import type { EngineInstance } from '../../src/engine/engine.ts';
import { silentLogger } from '../../src/logger.ts';
import { admit } from '../../src/scheduling/admission/admission.ts';
import { compileAdmission } from '../../src/scheduling/admission/plan.ts';
import { chooseScheduler } from '../../src/scheduling/create-scheduler.ts';
import { RunLimit } from '../../src/scheduling/running/instance-gate.ts';
import { systemClock } from '../../src/time.ts';
import { hostBytes } from '../../src/tensor/tensor-bytes.ts';
import { dynamicBatching, inputConfig, modelConfig, outputConfig } from '../fakes/make-model.ts';
import { inferenceContext, inferenceRequest } from '../fakes/make-request.ts';
import { RecordingObserver } from '../fakes/recording-observer.ts';
import { bytesOf, cpuSpec, doublingModel, engineForTests, floatsIn, modelFolder, withSession } from './model-files.ts';

// Batches on the event loop would never be under way together.
const engine = engineForTests({ allowInline: false });
const folder = modelFolder();
afterAll(() => folder.remove());

const width = 16;

class Running {
  now = 0;
  most = 0;

  /** The instance, with its batches counted from the hand-over to the end. */
  around(instance: EngineInstance): EngineInstance {
    return {
      device: instance.device,
      canPrefetch: instance.canPrefetch,
      close: () => instance.close(),
      submit: (batch, done) => {
        this.now++;
        this.most = Math.max(this.most, this.now);
        return instance.submit(batch, (result) => {
          this.now--;
          done(result);
        });
      },
    };
  }
}

describe('two models with a limit of batches', () => {
  it.each([1, 2])('of %d never have more under way, and answer everybody', async (limit) => {
    const running = new Running();
    const gate = new RunLimit(limit);
    const spec = cpuSpec(folder.write('double.onnx', doublingModel(width)));
    // Two instances of each: without a limit four batches would run.
    await withSession(engine, spec, async (first, firstSession) => {
      await withSession(engine, spec, async (second, secondSession) => {
        const more = [firstSession, secondSession].map((session) => session.createInstance({ name: 'b', maxRows: 4 }));
        const pools = [
          [first, more[0]],
          [second, more[1]],
        ];
        const schedulers = pools.map((instances, i) => {
          const config = modelConfig({
            maxBatchSize: 4,
            dynamicBatching: i === 0 ? dynamicBatching() : null,
            inputs: [inputConfig('x', 'FP32', [width])],
            outputs: [outputConfig('y', 'FP32', [width])],
          });
          const { signature } = firstSession;
          const scheduler = chooseScheduler(config)(
            {
              identity: { modelName: `m${i}`, modelVersion: '1' },
              config,
              signature,
              labels: new Map(),
              batchFault: null,
            },
            instances.map((instance) => running.around(instance)),
            {
              clock: systemClock,
              turn: { id: 0 },
              observer: new RecordingObserver(),
              gate,
              maxQueuedRequests: 10_000,
              logger: silentLogger,
            },
          );
          return { scheduler, plan: compileAdmission(config, signature) };
        });
        const ask = (model: number, value: number): Promise<number> =>
          new Promise((resolve, reject) => {
            const { scheduler, plan } = schedulers[model];
            const data = bytesOf(new Float32Array(width).fill(value));
            const inputs = [{ name: 'x', datatype: 'FP32' as const, shape: [1, width], data }];
            scheduler.schedule(admit(plan, inferenceRequest({ inputs })), inferenceContext(), {
              next: (response) => {
                const [answer] = floatsIn(hostBytes(response.outputs[0].data));
                response.release();
                resolve(answer);
              },
              fail: reject,
            });
          });
        for (let turn = 0; turn < 20; turn++) {
          const values = Array.from({ length: 60 }, (_, i) => turn * 100 + i);
          const answers = await Promise.all(values.map((value) => ask(value % 2, value)));
          expect(answers).toEqual(values.map((value) => value * 2));
        }
        expect(running.most).toBe(limit);
        for (const { scheduler } of schedulers) await scheduler.drain();
        for (const instance of more) await instance.close();
      });
    });
  });
});
