/** The parts of a version that serves, and how they change and end together. */

import type { EngineInstance } from '../engine/engine.ts';
import type { Logger } from '../logger.ts';
import type { ModelConfig } from '../model-config/model-config.ts';
import type { ModelSignature } from '../model-config/signature.ts';
import type { AdmissionPlan } from '../scheduling/admission.ts';
import type { ElasticScheduler } from '../scheduling/scheduler.ts';
import type { AdmittedInfer } from '../scheduling/version-interceptor.ts';
import type { Clock } from '../time.ts';
import type { InstanceSet, PreparedInstances } from './instance-set.ts';
import type { InstanceChange, LoadedVersion } from './model-version.ts';
import { processMemory } from './process-memory.ts';
import type { VersionStatistics } from './version-statistics.ts';
import { warmUp } from './warmup.ts';

interface ServingParts {
  readonly config: ModelConfig;
  readonly signature: ModelSignature;
  readonly plan: AdmissionPlan;
  readonly scheduler: ElasticScheduler;
  readonly entry: AdmittedInfer;
  readonly statistics: VersionStatistics;
  readonly instances: InstanceSet;
  /** Absolute; warm-up files lie below it. */
  readonly modelFolder: string;
  readonly version: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class ServingVersion implements LoadedVersion {
  readonly #parts: ServingParts;
  readonly #closing: Promise<void>;

  /** @param closing the closing of instances that are in use no more */
  constructor(parts: ServingParts, closing: Promise<void> = Promise.resolve()) {
    this.#parts = parts;
    this.#closing = closing;
  }

  get config(): ModelConfig {
    return this.#parts.config;
  }

  get signature(): ModelSignature {
    return this.#parts.signature;
  }

  get plan(): AdmissionPlan {
    return this.#parts.plan;
  }

  get scheduler(): ElasticScheduler {
    return this.#parts.scheduler;
  }

  get entry(): AdmittedInfer {
    return this.#parts.entry;
  }

  get statistics(): VersionStatistics {
    return this.#parts.statistics;
  }

  /** New instances are opened and warmed up beside those that serve. */
  async resize(config: ModelConfig, signal: AbortSignal): Promise<InstanceChange> {
    const { instances, signature, modelFolder, version, clock, logger } = this.#parts;
    const prepared = await instances.prepare(config.instanceGroups, signal);
    try {
      const replace = (stuck: EngineInstance): void => prepared.replace(stuck);
      const task = { version, config, signature, modelFolder, instances: prepared.added(), replace, signal };
      await warmUp(task, { clock, logger, memory: processMemory });
    } catch (error) {
      await prepared.undo();
      throw error;
    }
    return { commit: () => this.#take(prepared, config), undo: () => prepared.undo() };
  }

  #take(prepared: PreparedInstances, config: ModelConfig): LoadedVersion {
    const { instances, scheduler } = this.#parts;
    prepared.commit();
    for (const instance of prepared.added()) scheduler.addInstance(instance);
    const retired = prepared.removed.map(async (instance) => {
      await scheduler.retireInstance(instance);
      await instance.close();
    });
    const closing = Promise.all([this.#closing, ...retired]).then(() => instances.closeIdleSessions());
    // Told by `close`, which waits for it.
    closing.catch(() => undefined);
    return new ServingVersion({ ...this.#parts, config }, closing);
  }

  /** Also of the instances that earlier changes have dropped. */
  async close(): Promise<void> {
    const earlier = await Promise.allSettled([this.#closing]);
    await this.#parts.instances.close();
    for (const result of earlier) if (result.status === 'rejected') throw result.reason;
  }
}
