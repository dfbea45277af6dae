/** The kinds of schedulers, and which of them a configuration asks for. */

import type { EngineInstance } from '../engine/engine.ts';
import type { InferenceError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { ModelConfig } from '../model-config/model-config.ts';
import type { ModelSignature } from '../model-config/signature.ts';
import type { Clock, EventLoopTurn } from '../time.ts';
import type { BatchPolicy } from './policies/batch-policy.ts';
import { DynamicBatcher } from './dynamic-batcher.ts';
import { DynamicPolicy } from './policies/dynamic-policy.ts';
import type { InstanceGate } from './running/instance-gate.ts';
import { OneRequestPolicy } from './policies/one-request-policy.ts';
import { compileScatter } from './running/scatter.ts';
import type { ElasticScheduler, SchedulingObserver } from './scheduler.ts';

/** One model version as its scheduler needs it. */
interface SchedulerPlan {
  readonly identity: { readonly modelName: string; readonly modelVersion: string };
  readonly config: ModelConfig;
  readonly signature: ModelSignature;
  /** Class labels by output name, from label files. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
  /** An output that is not cut by rows, if the warm-up found one; else null. */
  readonly batchFault: InferenceError | null;
}

/** The parts of the server that a scheduler uses. */
interface SchedulerTools {
  readonly clock: Clock;
  /** Of the event loop that requests arrive on. */
  readonly turn: EventLoopTurn;
  /** Of this version alone. */
  readonly observer: SchedulingObserver;
  /** The limit on the batches of all models together; null for none. */
  readonly gate: InstanceGate | null;
  readonly maxQueuedRequests: number;
  readonly logger: Logger;
}

/** @param instances ready to run; the scheduler never closes them. More may come later, and these may be retired. */
type SchedulerFactory = (
  plan: SchedulerPlan,
  instances: readonly EngineInstance[],
  tools: SchedulerTools,
) => ElasticScheduler;

/** Composition gives one to the loader; called once for each version. */
export type ChooseScheduler = (config: ModelConfig) => SchedulerFactory;

/** `dynamic_batching` of a model with a batch dimension. */
const dynamicScheduler: SchedulerFactory = (plan, instances, tools) => {
  const { dynamicBatching, maxBatchSize } = plan.config;
  if (dynamicBatching === null) return directScheduler(plan, instances, tools);
  return queueing(new DynamicPolicy(maxBatchSize, dynamicBatching, tools.turn), plan, instances, tools);
};

/**
 * One request at a time per instance. Levels, timeouts, deadlines, cancellation and the bound of the queue work as for
 * every model.
 */
const directScheduler: SchedulerFactory = (plan, instances, tools) =>
  queueing(new OneRequestPolicy(plan.config.dynamicBatching, tools.turn), plan, instances, tools);

export const chooseScheduler: ChooseScheduler = ({ dynamicBatching, maxBatchSize }) =>
  dynamicBatching !== null && maxBatchSize > 0 ? dynamicScheduler : directScheduler;

function queueing(
  policy: BatchPolicy,
  { config, identity, signature, labels, batchFault }: SchedulerPlan,
  instances: readonly EngineInstance[],
  tools: SchedulerTools,
): ElasticScheduler {
  const scheduler = new DynamicBatcher({
    ...tools,
    policy,
    batchFault,
    identity: { ...identity, isBatched: config.maxBatchSize > 0 },
    preservesOrdering: config.dynamicBatching?.preserveOrdering ?? false,
    scatter: compileScatter(config, signature, labels),
  });
  for (const instance of instances) scheduler.addInstance(instance);
  return scheduler;
}
