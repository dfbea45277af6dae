/**
 * A servable takes requests once it is loaded, and a kind of servable knows how to load it. A kind is a folder in
 * `kinds/` and a line in `kinds/servable-kinds.ts`. Everything that all kinds share – states, leases, wishes, load
 * slots – is outside of `kinds/`.
 */

import type { Engine } from '../engine/engine.ts';
import type { Logger } from '../logger.ts';
import type { ConfigSettings } from '../model-config/config-settings.ts';
import type { ConfigMessage, ModelConfig } from '../model-config/model-config.ts';
import type { ConfigSource } from '../model-config/resolve-config.ts';
import type { ModelSignature } from '../model-config/signature.ts';
import type { AdmissionPlan } from '../scheduling/admission/admission.ts';
import type { ChooseScheduler } from '../scheduling/create-scheduler.ts';
import type { InstanceGate } from '../scheduling/running/instance-gate.ts';
import type { Scheduler } from '../scheduling/scheduler.ts';
import type { AdmittedInfer, VersionInterceptor } from '../scheduling/version-interceptor.ts';
import type { Clock } from '../time.ts';
import type { ModelVersion } from './model-version.ts';
import type { StatisticsFactory, VersionStatistics } from './version-statistics.ts';

/** One version that has been loaded. */
export interface Servable {
  readonly signature: ModelSignature;
  /** What its requests are checked against. */
  readonly admission: AdmissionPlan;
  readonly scheduler: Scheduler;
  /** Where admitted requests go in: the scheduler, or the ring around it. */
  readonly entry: AdmittedInfer;
  readonly statistics: VersionStatistics;
  /** The configuration in force; changes when instances are changed in place. */
  readonly config: ModelConfig;
  /**
   * Makes ready, aside, the instances that a configuration asks for which differs in `instance_group` only. Nothing that
   * serves has changed until the change is committed; a rejection leaves nothing behind. Absent where a kind has no
   * instances: its versions are loaded anew.
   */
  resize?(config: ModelConfig, signal: AbortSignal): Promise<InstanceChange>;
  /** Frees what it holds; the scheduler has been drained before. */
  close(): Promise<void>;
}

/** Other instances for a version that serves, warmed up and not in use yet. Exactly one of both is called, once. */
export interface InstanceChange {
  /** Takes the new instances into use and the dropped ones out; those finish what they run and are closed later. */
  commit(): Servable;
  /** Closes what was opened. */
  undo(): Promise<void>;
}

/**
 * Loads the version's parts and calls `warming` when they are there and warm-up begins. Undoes itself on failure; rejects
 * with the reason of `signal` soon after that is aborted.
 */
export type LoadVersion = (
  warming: () => void,
  signal: AbortSignal,
  needed: readonly ModelVersion[],
) => Promise<Servable>;

/** Another model that a model needs as long as it serves. */
export interface ModelRef {
  readonly model: string;
  /** Null: the newest version that serves. */
  readonly version: number | null;
}

/** What loading needs of the server; the same for all models. */
export interface ServableTools {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly statistics: StatisticsFactory;
  readonly chooseScheduler: ChooseScheduler;
  readonly maxQueuedRequests: number;
  /** Shared by the schedulers of all models; null where nothing but instances limits the batches that run. */
  readonly gate: InstanceGate | null;
  readonly autoComplete: boolean;
  readonly defaultMaxBatchSize: number;
  /** The ring around each version. */
  readonly interceptors: readonly VersionInterceptor[];
}

/** One version to load. */
export interface VersionTask {
  readonly model: string;
  readonly version: number;
  /** Absolute. */
  readonly modelFolder: string;
  /** Absolute. */
  readonly versionFolder: string;
  readonly config: ConfigSource;
  /** `config` as a message, before it is completed. */
  readonly message: ConfigMessage;
}

export interface ServableKind {
  /** For the log and for who reads the list. */
  readonly name: string;
  /** Whether a model is of this kind. @param message as written, with names completed */
  matches(message: ConfigMessage): boolean;
  /** Versions of a model whose folder has no folder of a version; empty where each needs a file. */
  readonly impliedVersions: readonly number[];
  /**
   * The models that have to serve before one of these is loaded. When another version of one of them serves, this one is
   * loaded anew; when none does any more, it is taken out of service.
   */
  needs(message: ConfigMessage): readonly ModelRef[];
  /**
   * What a version lacks to be loaded, a phrase each: files that are not there yet, or not whole. Only time tells a file
   * that is still being copied from one that is broken.
   */
  lacks(task: VersionTask, tools: ServableTools): Promise<readonly string[]>;
  /**
   * @param warming called when everything is there and only warm-up is left
   * @param signal  ends the load: it rejects with its reason, and what cannot be interrupted is closed when it comes
   * @param needed  the versions of `needs`, in their order; each is leased until this version is closed
   */
  load(
    task: VersionTask,
    tools: ServableTools,
    warming: () => void,
    signal: AbortSignal,
    needed: readonly ModelVersion[],
  ): Promise<Servable>;
  /**
   * The configuration that a version with this signature gets from a task; asked where only instances differ. Absent where
   * servables of this kind cannot be resized.
   */
  configFor?(task: VersionTask, tools: ServableTools, signature: ModelSignature): ModelConfig;
}

/** What the server and this machine add to the meaning of a configuration. */
export function configSettings({ engine, autoComplete, defaultMaxBatchSize }: ServableTools): ConfigSettings {
  const gpuOrdinals = engine.cudaDevices().map(({ ordinal }) => ordinal);
  return { autoComplete, defaultMaxBatchSize, gpuOrdinals, gpuProblem: engine.describe().cudaProblem };
}
