/**
 * Runs a new version's instances before it takes requests: the samples of `model_warmup`, or zeros where there are
 * none. The batches go through the engine's real gather and run, of the sizes that requests will have; only scheduler
 * and admission are left out, so warm-up is not counted. A failing configured sample fails the load, as Triton does;
 * the automatic one never does (`automatic-warmup.ts`).
 */

import type { EngineBatch, EngineInstance } from '../../../engine/engine.ts';
import { type InferenceError, invalidArgument } from '../../../errors.ts';
import type { WarmupSample } from '../../../model-config/model-config.ts';
import { quoted } from '../../../shown-text.ts';
import { type AutomaticTask, type AutomaticTools, warmUpWithZeros } from './automatic-warmup.ts';
import { type SampleTask, sampleBatch } from './warmup-samples.ts';
import { watchedRun } from './watched-run.ts';

export interface WarmupTask extends AutomaticTask, SampleTask {
  /** Replaces an instance whose run does not end by a new one. */
  replace(instance: EngineInstance): void;
}

/**
 * Warms up every instance. Returns the fault by which several requests cannot form one batch, if the automatic warm-up
 * found one.
 *
 * @throws InferenceError naming the sample that failed, or the reason of `signal`
 */
export async function warmUp(task: WarmupTask, tools: AutomaticTools): Promise<InferenceError | null> {
  const samples = task.config.warmup.filter(({ batchSize }) => batchSize > 0);
  if (samples.length === 0) {
    const { stuck, batchFault } = await warmUpWithZeros(task, tools);
    for (const instance of stuck) task.replace(instance);
    task.signal?.throwIfAborted();
    return batchFault;
  }
  for (const sample of samples) {
    const batch = await sampleBatch(task, sample);
    for (const instance of task.instances) {
      for (let i = 0; i < sample.count; i++) await runSample(task, sample, instance, batch, tools);
    }
  }
  return null;
}

/** Configured samples run as long as they need; only the caller of the load may cancel them. */
async function runSample(
  task: WarmupTask,
  sample: WarmupSample,
  instance: EngineInstance,
  batch: EngineBatch,
  tools: AutomaticTools,
): Promise<void> {
  task.signal?.throwIfAborted();
  const limits = { untilMs: Number.POSITIVE_INFINITY, maxGrowthBytes: Number.POSITIVE_INFINITY, signal: task.signal };
  const { error, isStuck } = await watchedRun(instance, batch, limits, tools);
  if (isStuck) task.replace(instance);
  task.signal?.throwIfAborted();
  if (error) throw invalidArgument(`failed to run warmup sample ${quoted(sample.name)}: ${error.message}`, error);
}
