/** The parts of a version that serves, and how they change and end together. */

import type { EngineInstance } from '../engine/engine.ts';
import type { Logger } from '../logger.ts';
import type { ModelConfig } from '../model-config/model-config.ts';
import type { ModelSignature } from '../model-config/signature.ts';
import type { AdmissionPlan } from '../scheduling/admission.ts';
import type { ElasticScheduler } from '../scheduling/create-scheduler.ts';
import type { Clock } from '../time.ts';
import type { AdmittedInfer } from '../scheduling/version-interceptor.ts';
import type { InstanceSet } from './instance-set.ts';
import type { LoadedVersion } from './model-version.ts';
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

  constructor(parts: ServingParts) {
    this.#parts = parts;
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

  /** New instances are warmed up before they get a batch; dropped ones finish theirs and are closed in the background. */
  async adjust(config: ModelConfig): Promise<LoadedVersion> {
    const { instances, scheduler, signature, modelFolder, version, clock, logger } = this.#parts;
    const before = new Set(instances.active);
    const { added, removed } = await instances.adjust(config.instanceGroups);
    const replace = (stuck: EngineInstance): void => instances.replace(stuck);
    const task = { version, config, signature, modelFolder, instances: added, replace, signal: null };
    await warmUp(task, { clock, logger, memory: processMemory });
    for (const instance of instances.active.filter((each) => !before.has(each))) scheduler.addInstance(instance);
    await Promise.all(
      removed.map(async (instance) => {
        await scheduler.retireInstance(instance);
        await instance.close();
      }),
    );
    await instances.closeIdleSessions();
    return new ServingVersion({ ...this.#parts, config });
  }

  close(): Promise<void> {
    return this.#parts.instances.close();
  }
}
