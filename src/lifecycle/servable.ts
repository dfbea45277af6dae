/**
 * A servable takes requests once it is loaded, and a kind of servable knows how to load it. A kind is a folder in
 * `kinds/` and a line in `kinds/servable-kinds.ts`. States, leases, wishes and load slots are the
 * same for all kinds and are outside of `kinds/`.
 */

import type { Engine } from '../engine/engine.ts';
import { withoutKnownFolders } from '../engine/file-names.ts';
import type { Logger } from '../logger.ts';
import type { ConfigSettings } from '../model-config/config-settings.ts';
import type { ModelConfig } from '../model-config/model-config.ts';
import type { ConfigSource } from '../model-config/resolve-config.ts';
import type { ConfigMessage } from '../model-config/schema/config-message.ts';
import type { ModelSignature } from '../model-config/signature.ts';
import type { AdmissionPlan } from '../scheduling/admission/plan.ts';
import type { ChooseScheduler } from '../scheduling/create-scheduler.ts';
import type { InstanceGate } from '../scheduling/running/instance-gate.ts';
import type { Scheduler } from '../scheduling/scheduler.ts';
import type { AdmittedInfer, VersionInterceptor } from '../scheduling/version-interceptor.ts';
import type { Clock, EventLoopTurn } from '../time.ts';
import type { VersionState } from './version-state.ts';
import type { StatisticsFactory, VersionStatistics } from './version-statistics.ts';

/** One version that has been loaded. */
export interface Servable {
  readonly signature: ModelSignature;
  /** The form of the model against which its requests are checked. */
  readonly admission: AdmissionPlan;
  readonly scheduler: Scheduler;
  /** Receives admitted requests: the scheduler, or the interceptors around it. */
  readonly entry: AdmittedInfer;
  readonly statistics: VersionStatistics;
  /** The configuration in force; changes when instances are changed in place. */
  readonly config: ModelConfig;
  /**
   * Prepares the instances of a configuration that differs in `instance_group` only. Nothing changes for requests until
   * the change is committed; a rejection leaves nothing behind. Absent where a kind has no instances: its versions are
   * loaded anew.
   */
  resize?(config: ModelConfig, signal: AbortSignal): Promise<InstanceChange>;
  /** Frees its resources; the scheduler has been drained before. */
  close(): Promise<void>;
}

/**
 * Other instances for a version that serves, warmed up and not in use yet. Exactly one of the two methods is called,
 * once.
 */
export interface InstanceChange {
  /** Uses the new instances and no longer the dropped ones, which finish their batches and are closed later. */
  commit(): Servable;
  /** Closes the new instances. */
  undo(): Promise<void>;
}

/** A version of another model that a servable needs. */
export interface ServingVersion {
  readonly model: string;
  readonly version: number;
  readonly state: VersionState;
  /** Null once it has been closed. */
  readonly loaded: Servable | null;
}

/**
 * Loads the version's parts and calls `warming` when they are there and warm-up begins. Undoes itself on failure;
 * rejects with the reason of `signal` soon after that is aborted.
 */
export type LoadVersion = (
  warming: () => void,
  signal: AbortSignal,
  needed: readonly ServingVersion[],
) => Promise<Servable>;

/** Another model that a model needs as long as it serves. */
export interface ModelRef {
  readonly model: string;
  /** Null: the newest version that serves. */
  readonly version: number | null;
}

/** The parts of the server that loading needs; the same for all models. */
export interface ServableTools {
  readonly engine: Engine;
  readonly clock: Clock;
  /** Of the event loop that requests arrive on. */
  readonly turn: EventLoopTurn;
  readonly logger: Logger;
  readonly statistics: StatisticsFactory;
  readonly chooseScheduler: ChooseScheduler;
  readonly maxQueuedRequests: number;
  /** Shared by the schedulers of all models; null when only instances limit concurrent batches. */
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
  /** For the log and for readers of the list. */
  readonly name: string;
  /** Whether a model is of this kind. @param message as written, with names completed */
  matches(message: ConfigMessage): boolean;
  /** Versions of a model without version folders; empty for kinds whose versions need a file. */
  readonly impliedVersions: readonly number[];
  /**
   * The models that have to serve before one of these is loaded. When another version of one of them serves, this one
   * is loaded anew; when none does any more, it is taken out of service.
   */
  needs(message: ConfigMessage): readonly ModelRef[];
  /**
   * Files that a version lacks, a phrase each: missing or incomplete ones. Only time distinguishes a file that is still
   * being copied from a broken one.
   */
  lacks(task: VersionTask, tools: ServableTools): Promise<readonly string[]>;
  /**
   * @param warming called when everything is loaded and only warm-up is left
   * @param signal  cancels the load: it rejects with the reason; the result of a step that cannot be interrupted is
   * closed later
   * @param needed  the versions of `needs`, in their order; each is leased until this version is closed
   */
  load(
    task: VersionTask,
    tools: ServableTools,
    warming: () => void,
    signal: AbortSignal,
    needed: readonly ServingVersion[],
  ): Promise<Servable>;
  /**
   * The configuration that a version with this signature gets from a task; asked where only instances differ. Absent
   * where servables of this kind cannot be resized.
   */
  configFor?(task: VersionTask, tools: ServableTools, signature: ModelSignature): ModelConfig;
}

/** The settings of the server and the machine that complete a configuration. */
export function configSettings({ engine, autoComplete, defaultMaxBatchSize }: ServableTools): ConfigSettings {
  const gpuOrdinals = engine.cudaDevices().map(({ ordinal }) => ordinal);
  const { cudaProblem, plugins } = engine.describe();
  // Callers see it in the error of a load, with the libraries that the dynamic loader named.
  const gpuProblem = cudaProblem === null ? null : withoutKnownFolders(cudaProblem);
  return { autoComplete, defaultMaxBatchSize, gpuOrdinals, gpuProblem, plugins };
}
