/**
 * The typed interface of the addon, call by call in the order of `native/binding/{engine_binding,batch_binding}.cc`:
 * plain data only, every field is set, absence is null. No behaviour; `load-native.ts` finds the addon.
 */

/** `code` is a position in `errorCodes`. */
export interface NativeError {
  readonly code: number;
  readonly message: string;
}

interface NativeReply {
  readonly error: NativeError | null;
}

interface NativeRuntimeOptions {
  readonly libraryPath: string;
  /** CUDA's libraries, opened before the CUDA provider: absolute paths, or names that the loader looks for. */
  readonly cudaLibraries: readonly string[];
  readonly globalThreadPool: boolean;
  readonly globalIntraOpThreads: number;
  readonly globalInterOpThreads: number;
  readonly globalSpinning: boolean;
}

/** Lists of pairs are flat: key, value, key, value. */
export interface NativeSessionSpec {
  readonly label: string;
  readonly path: string;
  /** The model itself instead of the file at `path`; stays referenced until the session is open. */
  readonly modelBytes: Uint8Array | null;
  /** -1 for the CPU. */
  readonly cudaOrdinal: number;
  readonly requireDevice: boolean;
  readonly intraOpThreads: number;
  readonly interOpThreads: number;
  readonly parallelExecution: boolean;
  readonly graphOptimizationLevel: number;
  readonly enableMemoryArena: boolean;
  readonly enableMemoryPattern: boolean;
  readonly sessionEntries: readonly string[];
  readonly runEntries: readonly string[];
  readonly cudaOptions: readonly string[];
  readonly useTensorrt: boolean;
  readonly tensorrtOptions: readonly string[];
  /** The name with which a provider was registered; empty for none. */
  readonly pluginProvider: string;
  readonly pluginOptions: readonly string[];
  /** Rows of the CUDA graphs, ascending; empty for none. */
  readonly graphRows: readonly number[];
  readonly customOpLibraries: readonly string[];
  /** Files with weights that the runtime may map. */
  readonly weightFiles: readonly string[];
  /** Whether weights in those files become memory of the process; false for a session that never runs. */
  readonly ownsWeights: boolean;
}

export interface NativeTensorSpec {
  readonly name: string;
  readonly onnxCode: number;
  /** Empty also where the rank is unknown. */
  readonly shape: readonly number[];
  readonly dimNames: readonly string[];
  readonly isOptional: boolean;
}

export interface NativeSignature {
  readonly inputs: readonly NativeTensorSpec[];
  readonly outputs: readonly NativeTensorSpec[];
  readonly producer: string;
  readonly graphName: string;
  readonly description: string;
  readonly modelVersion: number;
  readonly metadata: readonly (readonly [string, string])[];
}

/** The fields after `error` are set only when it is null. */
export interface NativeSessionReply extends NativeReply {
  readonly id: number;
  readonly cudaOrdinal: number;
  readonly fallbackReason: string | null;
  /** Why weights are still mapped from files that others may change; null when none are. */
  readonly mappingProblem: string | null;
  /** Why the session runs without the CUDA graphs that were asked for; null when it does not. */
  readonly graphProblem: string | null;
  /** Why the provider of the spec runs nothing of the model; null when it does, and without one. */
  readonly pluginProblem: string | null;
  readonly signature: NativeSignature;
}

/** `parts` is set only when `error` is null. */
interface NativeAssignmentReply extends NativeReply {
  readonly parts: readonly { readonly provider: string; readonly operators: readonly string[] }[];
}

interface NativeInstanceReply extends NativeReply {
  readonly id: number;
}

/** `control` and `input` are aligned host memory that the engine reads and writes; see `job-frame.ts`. */
interface NativeFrameReply extends NativeReply {
  readonly id: number;
  readonly control: ArrayBuffer;
  readonly input: ArrayBuffer;
}

export interface NativeCudaDevice {
  readonly ordinal: number;
  readonly name: string;
  readonly uuid: string;
  readonly computeMajor: number;
  readonly computeMinor: number;
  readonly totalBytes: number;
}

export interface NativeDescription {
  readonly runtimeVersion: string;
  readonly runtimePath: string;
  readonly buildInfo: string;
  readonly providers: readonly string[];
  readonly cudaProblem: string | null;
  readonly hasTextLocale: boolean;
  readonly driverVersion: string | null;
  readonly cudaDevices: readonly NativeCudaDevice[];
  /** Empty without a driver. */
  readonly cudaLibraries: readonly NativeCudaLibrary[];
}

interface NativeCudaLibrary {
  readonly wanted: string;
  /** The file that was opened. */
  readonly path: string | null;
  readonly problem: string | null;
}

/** The driver of the GPU, as it can be asked without a runtime. */
interface NativeDriver {
  /** Whether its library opens. */
  readonly isThere: boolean;
  readonly version: string | null;
  /** Such as 13000 for CUDA 13.0; 0 when it does not say. */
  readonly cudaVersion: number;
  /** Why it cannot be used. */
  readonly problem: string | null;
  readonly devices: readonly NativeCudaDevice[];
}

/** Memory of a GPU, of all processes together. */
interface NativeDeviceMemory {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

interface NativeDatatype {
  readonly name: string;
  readonly onnxCode: number;
  readonly byteSize: number;
}

export interface NativeAddon {
  /**
   * Opens ONNX Runtime, once per thread of JavaScript. `onJobs` gets the frames whose batches are done, `onLog` the
   * runtime's lines (severity 0 verbose … 4 fatal); neither may throw.
   */
  loadRuntime(
    options: NativeRuntimeOptions,
    onJobs: (frameIds: Int32Array) => void,
    onLog: (severity: number, label: string, message: string) => void,
  ): NativeReply;
  /** Registers the library of an execution provider, after `loadRuntime`; once per process. */
  registerProvider(name: string, path: string): NativeReply;
  describe(): NativeDescription;
  describeDriver(): NativeDriver;
  /** As it is now; null where the driver's management library (NVML) does not know the GPU. */
  deviceMemory(uuid: string): NativeDeviceMemory | null;
  openSession(spec: NativeSessionSpec): Promise<NativeSessionReply>;
  closeSession(sessionId: number): Promise<void>;
  /** Of a session that was opened with `session.record_ep_graph_assignment_info=1`. */
  readAssignment(sessionId: number): NativeAssignmentReply;
  /** Gives freed memory of closed models and of opening back to the system; takes milliseconds on another thread. */
  returnFreeMemory(): Promise<void>;
  createInstance(sessionId: number): NativeInstanceReply;
  /** Its batches are done; buffers of its frames and slabs are discarded by the caller. */
  closeInstance(instanceId: number): void;
  /** Cancels the batch with this ticket, if it is not done; before it runs, if it waits. */
  endBatch(instanceId: number, ticket: number): void;
  /** @param inputBytes room for inputs; at most 64 KiB are given */
  createFrame(instanceId: number, controlNumbers: number, inputBytes: number): NativeFrameReply;
  /** Detaches a buffer made by the addon and frees its memory at once. */
  discardBuffer(buffer: ArrayBuffer): void;
  /**
   * Cancels running batches and waits for them, for the end of the process. When some still run after `waitMs` the
   * process exits at once with `exitCode`, unless that is -1.
   */
  endBatches(waitMs: number, exitCode: number): boolean;
  readonly datatypes: readonly NativeDatatype[];
  readonly errorCodes: readonly string[];

  /** Runs the frame's batch on this thread; only while the instance has no unfinished batch. */
  runNow(frameId: number, parts: readonly Uint8Array[] | null, target: Uint8Array | null): void;
  /** Queues the frame's batch; the caller keeps `parts` referenced and unchanged until `onJobs` names the frame. */
  submit(frameId: number, parts: readonly Uint8Array[] | null, target: Uint8Array | null): void;
  /** The message of a reply whose code is not 0; once. */
  takeError(frameId: number): string;
  /** The bytes of an output slab; asked once per slab. */
  slabBuffer(instanceId: number, slabId: number): ArrayBuffer;
  /** Null, or the slabs that the pool dropped, whose buffers the caller discards. */
  releaseSlab(instanceId: number, slabId: number): readonly number[] | null;
  /**
   * Drops the instance's slabs that were not used since the last call: how many are left, then the output slabs
   * dropped, whose buffers the caller discards.
   */
  trimSlabs(instanceId: number): readonly number[];
}
