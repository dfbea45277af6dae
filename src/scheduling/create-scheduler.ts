/** Chooses the scheduler that a configuration asks for and puts its parts together. */

import type { EngineInstance } from '../engine/engine.ts';
import { type Logger, silentLogger } from '../logger.ts';
import type { ModelConfig } from '../model-config/model-config.ts';
import type { ModelSignature } from '../model-config/signature.ts';
import type { Clock } from '../time.ts';
import { batchRuleOf, oneRequestRule } from './batch-rule.ts';
import { DynamicBatcher } from './dynamic-batcher.ts';
import type { InstanceGate } from './instance-gate.ts';
import { compileScatter } from './scatter.ts';
import type { Scheduler, SchedulingObserver } from './scheduler.ts';

/** A scheduler whose instances may change while it serves (in-place changes of `instance_group`). */
export interface ElasticScheduler extends Scheduler {
  /** Requests that wait for an instance. */
  readonly waitingCount: number;
  /** Takes part from now on. */
  addInstance(instance: EngineInstance): void;
  /** Gets no new batch; resolves when its current one is done and it may be closed. */
  retireInstance(instance: EngineInstance): Promise<void>;
}

export interface SchedulerSpec {
  readonly config: ModelConfig;
  readonly signature: ModelSignature;
  /** Ready to run; the scheduler never closes them. More may come later, and these may be retired. */
  readonly instances: readonly EngineInstance[];
  readonly clock: Clock;
  readonly observer: SchedulingObserver;
  /** Where accepted requests are counted; the server's, if it bounds them. */
  /** What limits the batches of all models together; none unless given. */
  readonly gate?: InstanceGate | null;
  readonly identity: { readonly modelName: string; readonly modelVersion: string };
  readonly limits: { readonly maxQueuedRequests: number };
  /** Class labels by output name, from label files. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
  /** For the rare warning that a model cannot batch. */
  readonly logger?: Logger;
}

/**
 * A model without a `dynamic_batching` block, or without a batch dimension, runs one request at a time per instance in
 * order of arrival; deadlines, cancellation and the queue's bound hold for every model.
 */
export function createScheduler(spec: SchedulerSpec): ElasticScheduler {
  const { config } = spec;
  const batching = config.dynamicBatching;
  const scheduler = new DynamicBatcher({
    identity: { ...spec.identity, isBatched: config.maxBatchSize > 0 },
    rule: batching !== null && config.maxBatchSize > 0 ? batchRuleOf(config.maxBatchSize, batching) : oneRequestRule,
    batching,
    scatter: compileScatter(config, spec.signature, spec.labels),
    maxQueuedRequests: spec.limits.maxQueuedRequests,
    clock: spec.clock,
    observer: spec.observer,
    gate: spec.gate ?? null,
    logger: spec.logger ?? silentLogger,
  });
  for (const instance of spec.instances) scheduler.addInstance(instance);
  return scheduler;
}
