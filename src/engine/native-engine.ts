/** The engine over the addon: opens model files with ONNX Runtime and describes this machine's devices. */

import { isMainThread } from 'node:worker_threads';
import { InferenceError, toInferenceError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { ModelSignature } from '../model-config/signature.ts';
import { type Clock, systemClock } from '../time.ts';
import { cpuCores } from './cpu-cores.ts';
import { ChangedFileError } from './changed-file-error.ts';
import { cudaDeviceOf } from './driver.ts';
import type {
  CudaDevice,
  Device,
  Engine,
  EngineDescription,
  EngineSession,
  GraphAssignment,
  InspectionSpec,
  ModelFile,
  SessionSpec,
} from './engine.ts';
import { FreedMemory } from './freed-memory.ts';
import { copiesIn, recordAssignment } from './graph-assignment.ts';
import { IdleSlabs } from './idle-slabs.ts';
import { findRuntimeLibrary, loadNative } from './load-native.ts';
import { joinSignature } from './model-signature.ts';
import type { NativeAddon, NativeDescription, NativeSessionReply, NativeSessionSpec } from './native.ts';
import { foldersOf } from './file-names.ts';
import { modelFailure, nativeFailure, startFailure } from './native-error.ts';
import { FrameTable } from './frame-table.ts';
import { NativeSession } from './native-session.ts';
import { addedEntries, type EngineThreads, inspectionSpec, mayMapWeights, servingSpec } from './native-session-spec.ts';
import { OpLibraries } from './op-libraries.ts';
import {
  checkUnchanged,
  type LightModel,
  mappablePaths,
  type OpenableModel,
  readOpenableModel,
  withoutLargeWeights,
} from './openable-model.ts';
import { RuntimeLog } from './runtime-log.ts';
import { isBoundedWork } from './work-bound.ts';

/** One thread pool for all sessions that do not ask for their own; 0 lets the engine choose. */
interface GlobalThreadPool {
  readonly intraOpThreads: number;
  readonly interOpThreads: number;
}

export interface NativeEngineOptions {
  /** Path of libonnxruntime; null for the one in the onnxruntime-node package. */
  readonly libraryPath: string | null;
  /** CUDA's libraries, opened before the CUDA provider: absolute paths, or names that the loader looks for; none unless given. */
  readonly cudaLibraries?: readonly string[];
  /** Null: each session has threads of its own. */
  readonly globalThreadPool: GlobalThreadPool | null;
  readonly logger: Logger;
  /** Execution providers to register; none unless given. */
  readonly plugins?: readonly PluginLibrary[];
  /** For returning idle slabs; `systemClock` unless given. */
  readonly clock?: Clock;
  /** False keeps all batches off the event loop, however short; true unless given. */
  readonly allowInline?: boolean;
}

/** An execution provider that is a library of its own. */
export interface PluginLibrary {
  /** The name by which configurations ask for it. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** For all sessions, by the provider's own names. */
  readonly options: Readonly<Record<string, string>>;
}

/** How long the end of the process waits for running batches, which are cancelled, before it exits anyway. */
const exitWaitMs = 2000;

/**
 * Makes the engine of this thread; the runtime itself is one per process. Throws `failed_precondition` when the addon
 * or the library is missing or too old.
 */
export function createNativeEngine(options: NativeEngineOptions): Engine {
  const addon = loadNative();
  const cores = cpuCores();
  const pool = options.globalThreadPool;
  const clock = options.clock ?? systemClock;
  const frames = new FrameTable();
  const log = new RuntimeLog(options.logger);
  const reply = addon.loadRuntime(
    {
      libraryPath: options.libraryPath ?? findRuntimeLibrary(),
      cudaLibraries: options.cudaLibraries ?? [],
      globalThreadPool: pool !== null,
      globalIntraOpThreads: pool === null ? 0 : pool.intraOpThreads || cores,
      globalInterOpThreads: pool === null ? 0 : pool.interOpThreads || 1,
      globalSpinning: false,
    },
    frames.finish,
    log.write,
  );
  if (reply.error !== null) throw startFailure(reply.error);
  const plugins = options.plugins ?? [];
  for (const { name, path } of plugins) {
    const { error } = addon.registerProvider(name, path);
    if (error !== null) throw startFailure(error);
  }
  process.once('exit', (code) => addon.endBatches(exitWaitMs, isMainThread ? code : -1));
  return new NativeEngine(addon, frames, {
    cores,
    hasGlobalPool: pool !== null,
    pluginOptions: new Map(plugins.map(({ name, options: given }) => [name, new Map(Object.entries(given))])),
    allowInline: options.allowInline ?? true,
    logger: options.logger,
    log,
    idleSlabs: new IdleSlabs(clock),
    freedMemory: new FreedMemory(clock, () => addon.returnFreeMemory()),
  });
}

/** A model as it was read before it is opened. */
interface ReadModel {
  readonly source: OpenableModel;
  readonly light: LightModel;
}

/** Rejects as `readOpenableModel` does. */
async function readModel(file: ModelFile): Promise<ReadModel> {
  const source = await readOpenableModel(file);
  return { source, light: await withoutLargeWeights(source) };
}

/** Settings that are the same for all sessions. */
interface EngineSettings extends EngineThreads {
  readonly allowInline: boolean;
  /** By the names of the plug-ins. */
  readonly pluginOptions: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly logger: Logger;
  readonly log: RuntimeLog;
  readonly idleSlabs: IdleSlabs;
  readonly freedMemory: FreedMemory;
}

class NativeEngine implements Engine {
  readonly #addon: NativeAddon;
  readonly #frames: FrameTable;
  readonly #settings: EngineSettings;
  readonly #opLibraries = new OpLibraries();
  /** Files that were inspected and not opened since; the session that opens one need not read it again. */
  readonly #inspected = new WeakMap<ModelFile, ReadModel>();
  #description: NativeDescription | null = null;

  constructor(addon: NativeAddon, frames: FrameTable, settings: EngineSettings) {
    this.#addon = addon;
    this.#frames = frames;
    this.#settings = settings;
  }

  async inspect(file: ModelFile, spec: InspectionSpec = {}): Promise<ModelSignature> {
    const customOpLibraries = await this.#opLibraries.namesFor(spec.customOpLibraries ?? []);
    const read = await readModel(file);
    const { source } = read;
    const cheap = inspectionSpec(file, { ...spec, customOpLibraries });
    const reply = await this.#openForInspection(read, cheap, spec.device ?? { kind: 'cpu' });
    await this.#close(reply);
    this.#inspected.set(file, read);
    return joinSignature(reply.signature, source).signature;
  }

  /**
   * A large model is opened without its weights first, and only if the runtime refuses that from its file.
   *
   * ONNX Runtime refuses some half-precision graphs unless it may optimise them, and operators of a GPU's provider
   * unless the provider is available. If all attempts fail, the caller gets the error of the first, cheapest one.
   */
  async #openForInspection(
    { source, light }: ReadModel,
    cheap: NativeSessionSpec,
    device: Device,
  ): Promise<NativeSessionReply> {
    if (light.toInspect !== null) {
      const reply = await this.#open(light.toInspect, cheap).catch(() => null);
      if (reply !== null) return reply;
    }
    const ways = [cheap, { ...cheap, graphOptimizationLevel: 99 }];
    if (device.kind === 'cuda') {
      ways.push({ ...cheap, graphOptimizationLevel: 99, cudaOrdinal: device.ordinal, requireDevice: true });
    }
    let refusal: unknown = null;
    for (const way of ways) {
      try {
        return await this.#open(source, way);
      } catch (error) {
        refusal ??= error;
      }
    }
    throw refusal;
  }

  /** What the inspection has read, once; else it is read now. */
  async #take(file: ModelFile): Promise<ReadModel> {
    const read = this.#inspected.get(file) ?? (await readModel(file));
    this.#inspected.delete(file);
    return read;
  }

  async openSession(spec: SessionSpec): Promise<EngineSession> {
    const customOpLibraries = await this.#opLibraries.namesFor(spec.customOpLibraries);
    // The session is refused when the file has changed since it was inspected.
    const read = await this.#take(spec.file);
    const { log } = this.#settings;
    log.opening(spec.label);
    try {
      return await this.#openModel(read, { ...spec, customOpLibraries });
    } catch (error) {
      log.closed(spec.label);
      throw error;
    }
  }

  async #openModel(read: ReadModel, spec: SessionSpec): Promise<EngineSession> {
    const { source } = read;
    const reply = await this.#openForServing(read, spec);
    try {
      await checkUnchanged(source);
      if (reply.mappingProblem !== null) this.#warnOfMapping(spec, reply.mappingProblem);
      const { signature, nativeInputs } = joinSignature(reply.signature, source);
      const onCuda = reply.cudaOrdinal >= 0;
      const mayRunInline =
        this.#settings.allowInline &&
        !onCuda &&
        !spec.plugin &&
        spec.customOpLibraries.length === 0 &&
        isBoundedWork(source.facts);
      return new NativeSession(
        this.#addon,
        reply.id,
        { signature, nativeInputs, mayRunInline },
        {
          device: onCuda ? { kind: 'cuda', ordinal: reply.cudaOrdinal } : { kind: 'cpu' },
          fallbackReason: reply.fallbackReason,
          graphProblem: reply.graphProblem,
          pluginProblem: reply.pluginProblem,
        },
        this.#frames,
        this.#settings.idleSlabs,
        () => {
          this.#settings.freedMemory.freed();
          this.#settings.log.closed(spec.label);
        },
      );
    } catch (error) {
      await this.#close(reply);
      throw toInferenceError(error);
    }
  }

  /**
   * Opens with the weights left in the file, where that is cheaper, then from the file with the session entries that Nereid adds,
   * or without them if the runtime refuses the model because of one. A model that cannot be opened any way gets the error of the
   * last attempt.
   */
  async #openForServing({ source, light }: ReadModel, spec: SessionSpec): Promise<NativeSessionReply> {
    const added = addedEntries(spec);
    const { path } = source.file;
    if (light.toServe !== null && mayMapWeights(spec)) {
      const mapped = servingSpec(spec, path, added, this.#settings);
      const reply = await this.#open(light.toServe, mapped).catch((error: unknown) => {
        if (error instanceof ChangedFileError) throw error;
        return null;
      });
      if (reply !== null) return reply;
    }
    try {
      return await this.#open(source, servingSpec(spec, path, added, this.#settings));
    } catch (error) {
      const isRefusal = error instanceof InferenceError && error.code !== 'unavailable';
      if (added.length === 0 || !isRefusal) throw error;
      const reply = await this.#open(source, servingSpec(spec, path, [], this.#settings));
      const options = added.map(([key, value]) => `${key}=${value}`).join(', ');
      const fields = { model: spec.label, options, reason: error.message };
      this.#settings.logger.warn(fields, 'ONNX Runtime opens the model only without options that this server adds.');
      return reply;
    }
  }

  async readAssignment(spec: SessionSpec): Promise<GraphAssignment> {
    const { log } = this.#settings;
    const read = await this.#take(spec.file);
    const customOpLibraries = await this.#opLibraries.namesFor(spec.customOpLibraries);
    const sessionEntries = new Map([...spec.sessionEntries, ...recordAssignment]);
    let copies = 0;
    log.listen(spec.label, (message) => {
      copies += copiesIn(message);
    });
    try {
      const reply = await this.#openForServing(read, { ...spec, customOpLibraries, sessionEntries });
      const { error, parts } = this.#addon.readAssignment(reply.id);
      await this.#close(reply);
      if (error !== null) throw nativeFailure(error);
      return { parts, copies };
    } finally {
      log.listen(spec.label, null);
    }
  }

  #warnOfMapping(spec: SessionSpec, reason: string): void {
    const fields = { model: spec.label, reason };
    const advice = 'The weights of the model stay in its files: do not overwrite or truncate them while it serves.';
    this.#settings.logger.warn(fields, advice);
  }

  cudaDevices(): readonly CudaDevice[] {
    return this.#describe().cudaDevices.map(cudaDeviceOf);
  }

  describe(): EngineDescription {
    const { cudaDevices: _devices, ...description } = this.#describe();
    return { ...description, cpuCores: this.#settings.cores, plugins: [...this.#settings.pluginOptions.keys()] };
  }

  #describe(): NativeDescription {
    this.#description ??= this.#addon.describe();
    return this.#description;
  }

  async #open(source: OpenableModel, spec: NativeSessionSpec): Promise<NativeSessionReply> {
    const reply = await this.#addon.openSession({
      ...spec,
      modelBytes: source.bytes,
      weightFiles: mappablePaths(source),
      sessionEntries: [...spec.sessionEntries, ...source.sessionEntries],
    });
    this.#settings.freedMemory.freed();
    if (reply.error !== null) {
      // The runtime blames the model for bytes that were written while it read them.
      await checkUnchanged(source);
      const files = [...source.files.map(({ path }) => path), ...spec.customOpLibraries, this.#describe().runtimePath];
      const folders = await foldersOf(files);
      throw await modelFailure(reply.error, new Set([source.file.folder, ...folders]));
    }
    return reply;
  }

  async #close({ id }: NativeSessionReply): Promise<void> {
    await this.#addon.closeSession(id);
    this.#settings.freedMemory.freed();
  }
}
