/**
 * The interface between scheduling and the runtime: an `Engine` opens model files as sessions, a session has instances,
 * an instance runs one batch at a time. The engine is ONNX Runtime in production and a fake in unit tests. Engines know
 * nothing of configurations; callers give them specs.
 */

import type { InferenceError } from '../errors.ts';
import type { ModelSignature } from '../model-config/signature.ts';
import type { Datatype } from '../tensor/datatype.ts';
import type { Shape } from '../tensor/shape.ts';
import type { RegionBytes, TensorBytes } from '../tensor/tensor-bytes.ts';

/** Where instances run. */
export type Device = { readonly kind: 'cpu' } | { readonly kind: 'cuda'; readonly ordinal: number };

export const deviceText = (device: Device): string => (device.kind === 'cpu' ? 'cpu' : `cuda:${device.ordinal}`);

/** A file on disk (external data beside it, confined to `folder`). */
export interface ModelFile {
  /** Absolute path of the ONNX (or ORT format) file. */
  readonly path: string;
  /** Absolute folder that external data must not leave, symbolic links resolved. */
  readonly folder: string;
}

/** An execution provider that is a library of its own, as a session uses it. */
interface PluginUse {
  /** The name with which it was registered. */
  readonly name: string;
  /** Options by the provider's own names; they replace those of its registration. */
  readonly options: ReadonlyMap<string, string>;
}

export interface SessionSpec {
  /** `name:version`, for the runtime's log lines. */
  readonly label: string;
  readonly file: ModelFile;
  readonly device: Device;
  /** True: fail when the device is not available. False: fall back to the CPU, with the cause in `fallbackReason`. */
  readonly requireDevice: boolean;
  /** Instances that will share the session; they also share the cores. 1 unless given. */
  readonly instanceCount?: number;
  /** Threads inside one operator; 0 lets the engine divide the cores of the cgroup. */
  readonly intraOpThreads: number;
  /** Threads across operators in parallel mode; 0 lets the engine choose. */
  readonly interOpThreads: number;
  readonly executionMode: 'sequential' | 'parallel';
  /** ONNX Runtime graph optimisation: 0 none, 1 basic, 2 extended, 99 all. */
  readonly graphOptimizationLevel: 0 | 1 | 2 | 99;
  readonly enableMemoryArena: boolean;
  readonly enableMemoryPattern: boolean;
  /** Session configuration entries passed on as they are, e.g. `session.use_device_allocator_for_initializers`. */
  readonly sessionEntries: ReadonlyMap<string, string>;
  /** Run configuration entries passed on as they are, e.g. `memory.enable_memory_arena_shrinkage`. */
  readonly runEntries: ReadonlyMap<string, string>;
  /** CUDA provider options by ONNX Runtime's names; device_id is set by the engine. */
  readonly cudaOptions: ReadonlyMap<string, string>;
  /** Null, or TensorRT provider options by ONNX Runtime's names. */
  readonly tensorrtOptions: ReadonlyMap<string, string> | null;
  /** The plug-in that claims nodes before the providers of the runtime; none unless given. */
  readonly plugin?: PluginUse | null;
  /**
   * Rows of the batches that are replayed as CUDA graphs, ascending; empty for none. Other batches are padded to the next
   * larger one. A session with graphs has one instance, and neither the CPU nor TensorRT has any.
   */
  readonly graphRows: readonly number[];
  /** Absolute paths of custom operator libraries. */
  readonly customOpLibraries: readonly string[];
}

/** The part of a `SessionSpec` that decides whether a model can be opened; the same for inspecting and serving. */
export type InspectionSpec = Partial<
  Pick<SessionSpec, 'device' | 'sessionEntries' | 'cudaOptions' | 'tensorrtOptions' | 'customOpLibraries'>
>;

export interface InstanceSpec {
  /** `<group>_<i>` as the configuration names it; for logs. */
  readonly name: string;
  /** Largest number of rows a batch will have; 0 for a model that does not batch. Sizes the slabs. */
  readonly maxRows: number;
}

/** One input of a batch. `parts` are the requests' bytes in batch order; concatenated they are the whole tensor. */
export interface BatchInput {
  /** Index in the signature's inputs. */
  readonly index: number;
  /** Shape of the whole batch's tensor. */
  readonly shape: Shape;
  readonly parts: readonly TensorBytes[];
}

export interface EngineBatch {
  /** Optional inputs that were left out are absent. */
  readonly inputs: readonly BatchInput[];
  /** Indexes in the signature's outputs to fetch; the others are not computed where that can be avoided, nor copied. */
  readonly outputs: readonly number[];
  /**
   * Memory for the outputs, which the run writes until `done` is called; null for a slab of the instance. The engine uses
   * it for all outputs or, where they do not fit or a device needs other memory, for none.
   */
  readonly target?: RegionBytes | null;
  /**
   * Whether running it changes more than its outputs, such as the state of a sequence; no unless given. A batch whose
   * run has begun is then never run again, by the engine or by a scheduler, whatever its outcome.
   */
  readonly hasEffects?: boolean;
  /**
   * Whether the run returns its memory to the system at its end, so that the next run has to allocate it again; no
   * unless given.
   */
  readonly returnsMemory?: boolean;
}

/**
 * `data` is a view on a slab of the instance, valid until `EngineResult.release()`, or a part of the batch's target. BYTES
 * are in wire form.
 */
export interface EngineOutput {
  readonly index: number;
  readonly datatype: Datatype;
  readonly shape: Shape;
  readonly data: TensorBytes;
}

/** The result of a batch. Exactly one of `error` and `outputs` (in the order of the request) is meaningful. */
export interface EngineResult {
  readonly error: InferenceError | null;
  readonly outputs: readonly EngineOutput[];
  /** Nanoseconds of gathering inputs, of the model's run, and of placing the outputs. */
  readonly inputNs: number;
  readonly inferNs: number;
  readonly outputNs: number;
  /** Whether it may have changed more than its outputs: the batch `hasEffects`, and its run had begun. */
  readonly hadEffects: boolean;
  /** Returns the output slabs to the instance. Call exactly once, also after an error. */
  release(): void;
}

/** A batch that was handed over to an instance: the means to cancel this batch and no other. */
export interface Ticket {
  /**
   * Cancels this batch; its `done` then gets a `cancelled` error. A prefetched batch ends before it runs. Nothing
   * happens when the batch has ended, whether `done` was called yet or not, and never to another batch.
   */
  end(): void;
}

/**
 * One loaded copy of a model on one device; runs one batch at a time.
 *
 * The bytes of `batch` must not change until `done` was called, which happens exactly once and on the event loop –
 * possibly before `submit` returns, when the engine finds it cheaper to run inline. A batch may be done, and the next
 * one running, long before `done` is called.
 */
export interface EngineInstance {
  /** Where it really is. */
  readonly device: Device;
  /**
   * Whether it accepts a second batch while it runs one, and runs it next without a round trip to the event loop.
   */
  readonly canPrefetch: boolean;
  submit(batch: EngineBatch, done: (result: EngineResult) => void): Ticket;
  /** Waits for the running batch, then frees what the instance owns. */
  close(): Promise<void>;
}

/** The weights of one model version on one device, in memory once, shared by its instances. */
export interface EngineSession {
  readonly signature: ModelSignature;
  /** Where it really is. */
  readonly device: Device;
  /** Why it is not on the device that was asked for; null when it is. */
  readonly fallbackReason: string | null;
  /** Why it runs without the CUDA graphs that were asked for; null when it does not. */
  readonly graphProblem: string | null;
  /** Why the plug-in that was asked for runs nothing of the model; null when it does. */
  readonly pluginProblem: string | null;
  createInstance(spec: InstanceSpec): EngineInstance;
  /** Frees the weights; all instances have been closed before. */
  close(): Promise<void>;
}

/** Nodes of a graph that the runtime gave to an execution provider together. */
interface AssignedPart {
  /** By ONNX Runtime's name, e.g. `CUDAExecutionProvider`. */
  readonly provider: string;
  /** The operator of each node; with its domain in front unless that is ONNX's own. */
  readonly operators: readonly string[];
}

/** Where the nodes of a model run, as the providers claimed them: before fusions. */
export interface GraphAssignment {
  readonly parts: readonly AssignedPart[];
  /** Copies between the memory of devices that the runtime adds to each run. */
  readonly copies: number;
}

export interface Engine {
  /**
   * Reads a model's signature without running it. Rejects `invalid_argument` or `unimplemented` with the reason. The next
   * session of the same `ModelFile` object takes over the facts read here, and is refused if the file has changed since.
   *
   * @param spec what the model is to be served with; a plain CPU session unless given
   */
  inspect(file: ModelFile, spec?: InspectionSpec): Promise<ModelSignature>;
  /** Opens a session off the event loop. A failed open leaves nothing behind. */
  openSession(spec: SessionSpec): Promise<EngineSession>;
  /**
   * Opens a session, asks which provider runs which node, and closes it. Rejects as `openSession` does, and
   * `unimplemented` where the runtime does not tell (before release 1.24).
   */
  readAssignment(spec: SessionSpec): Promise<GraphAssignment>;
  /** Usable accelerators, by ordinal; empty on a machine without. Asked once and remembered. */
  cudaDevices(): readonly CudaDevice[];
  /** A description of this machine, for `nereid doctor` and the log. */
  describe(): EngineDescription;
}

export interface CudaDevice {
  readonly ordinal: number;
  readonly name: string;
  readonly uuid: string;
  /** e.g. 9.0; 0 when the driver did not say. */
  readonly computeCapability: number;
  readonly totalBytes: number;
}

interface CudaLibrary {
  /** An absolute path, or a name that the loader looked for. */
  readonly wanted: string;
  /** The file that was opened; null when none was. */
  readonly path: string | null;
  /** The loader's reason. */
  readonly problem: string | null;
}

export interface EngineDescription {
  readonly runtimeVersion: string;
  readonly runtimePath: string;
  readonly buildInfo: string;
  readonly providers: readonly string[];
  /** Cores this process may use, after the cgroup's quota and the affinity mask. */
  readonly cpuCores: number;
  /** Null, or one sentence that says which piece is missing for CUDA and what to do. */
  readonly cudaProblem: string | null;
  readonly driverVersion: string | null;
  /** The names with which plug-ins were registered. */
  readonly plugins: readonly string[];
  /** CUDA's libraries as they were opened for this process; empty without a driver, and without a CUDA provider. */
  readonly cudaLibraries: readonly CudaLibrary[];
  /**
   * Whether the locale is there that ONNX Runtime needs for operators on text (StringNormalizer, Tokenizer):
   * en_US.UTF-8.
   */
  readonly hasTextLocale: boolean;
}
