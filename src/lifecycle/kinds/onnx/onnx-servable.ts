/** The parts of an ONNX model that serves, and how they change and end together. */

import type { EngineInstance } from '../../../engine/engine.ts';
import type { Logger } from '../../../logger.ts';
import type { ModelConfig } from '../../../model-config/model-config.ts';
import type { ModelSignature } from '../../../model-config/signature.ts';
import type { AdmissionPlan } from '../../../scheduling/admission/plan.ts';
import type { ElasticScheduler } from '../../../scheduling/scheduler.ts';
import type { AdmittedInfer } from '../../../scheduling/version-interceptor.ts';
import type { Clock } from '../../../time.ts';
import type { InstanceChange, Servable } from '../../servable.ts';
import type { VersionStatistics } from '../../version-statistics.ts';
import type { InstanceSet, PreparedInstances } from './instance-set.ts';
import { processMemory } from './process-memory.ts';
import { warmUp } from './warmup.ts';

interface OnnxParts {
  readonly config: ModelConfig;
  readonly signature: ModelSignature;
  readonly admission: AdmissionPlan;
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

export class OnnxServable implements Servable {
  readonly #parts: OnnxParts;
  readonly #closing: Promise<void>;

  /** @param closing pending closings of instances that are no longer used */
  constructor(parts: OnnxParts, closing: Promise<void> = Promise.resolve()) {
    this.#parts = parts;
    this.#closing = closing;
  }

  get config(): ModelConfig {
    return this.#parts.config;
  }

  get signature(): ModelSignature {
    return this.#parts.signature;
  }

  get admission(): AdmissionPlan {
    return this.#parts.admission;
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

  #take(prepared: PreparedInstances, config: ModelConfig): Servable {
    const { instances, scheduler } = this.#parts;
    prepared.commit();
    for (const instance of prepared.added()) scheduler.addInstance(instance);
    const retired = prepared.removed.map(async (instance) => {
      await scheduler.retireInstance(instance);
      await instance.close();
    });
    const closing = Promise.all([this.#closing, ...retired]).then(() => instances.closeIdleSessions());
    // `close` waits for it and reports its failure.
    closing.catch(() => undefined);
    return new OnnxServable({ ...this.#parts, config }, closing);
  }

  /** Also closes the instances that earlier changes have dropped. */
  async close(): Promise<void> {
    const earlier = await Promise.allSettled([this.#closing]);
    await this.#parts.instances.close();
    for (const result of earlier) if (result.status === 'rejected') throw result.reason;
  }
}
