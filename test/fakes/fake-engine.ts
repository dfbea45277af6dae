/**
 * An engine without a runtime: its instances record what they are asked to run and end it when the test says so, or at
 * once. Bytes are really gathered, so a batcher's results can be compared with what each request sent.
 */

import type {
  BatchInput,
  CudaDevice,
  Device,
  Engine,
  EngineBatch,
  EngineDescription,
  EngineInstance,
  EngineOutput,
  EngineResult,
  EngineSession,
  GraphAssignment,
  InspectionSpec,
  InstanceSpec,
  ModelFile,
  SessionSpec,
  Ticket,
} from '../../src/engine/engine.ts';
import { cancelled, type InferenceError, notFound } from '../../src/errors.ts';
import type { ModelSignature } from '../../src/model-config/signature.ts';
import type { Datatype } from '../../src/tensor/datatype.ts';
import { hostBytes, RegionBytes, type TensorBytes } from '../../src/tensor/tensor-bytes.ts';

/** What a fake model computes; throws an `InferenceError` to fail the batch. */
export type Compute = (batch: EngineBatch) => readonly EngineOutput[];

export const joinedBytes = (parts: readonly TensorBytes[]): Uint8Array =>
  new Uint8Array(Buffer.concat(parts.map(hostBytes)));

/** Output i is input i, whatever it is. */
export const identity =
  (datatype: Datatype = 'FP32'): Compute =>
  (batch) =>
    batch.outputs.map((index) => {
      const { shape, parts } = batch.inputs[index] as BatchInput;
      return { index, datatype, shape, data: joinedBytes(parts) };
    });

/** The outputs in the target of their batch, back to back; where they were if they do not fit. */
function placed(outputs: readonly EngineOutput[], { region, offset, length }: RegionBytes): readonly EngineOutput[] {
  let at = 0;
  const places = outputs.map((output) => {
    const start = at;
    at += output.data.length;
    return { output, start };
  });
  if (at > length) return outputs;
  return places.map(({ output, start }) => {
    const data = new RegionBytes(region, offset + start, output.data.length);
    data.view().set(hostBytes(output.data));
    return { ...output, data };
  });
}

/** A batch in the hands of an instance: its ticket, and how the test ends it. */
export class FakeRun implements Ticket {
  readonly batch: EngineBatch;
  readonly #instance: FakeInstance;
  readonly #done: (result: EngineResult) => void;
  releaseCount = 0;
  isTerminated = false;
  /** Its result; null while it runs or waits. */
  #outcome: { readonly error: InferenceError | null; readonly outputs: readonly EngineOutput[] } | null = null;

  constructor(instance: FakeInstance, batch: EngineBatch, done: (result: EngineResult) => void) {
    this.#instance = instance;
    this.batch = batch;
    this.#done = done;
  }

  /** Requests in the batch; 0 for a model without inputs. */
  get requestCount(): number {
    return this.batch.inputs[0]?.parts.length ?? 0;
  }

  get rows(): number {
    return this.batch.inputs[0]?.shape[0] ?? 0;
  }

  end(): void {
    if (this.#outcome !== null || this.isTerminated) return;
    this.isTerminated = true;
    this.#instance.terminateCount++;
    // One that waits is answered when its turn comes, without having run.
    if (this.#instance.running === this && this.#instance.endsWhenTerminated) this.fail(cancelled(''));
  }

  /** The run ends with what the instance computes. */
  complete(outputs?: readonly EngineOutput[]): void {
    try {
      this.#finish(null, outputs ?? this.#instance.compute(this.batch));
    } catch (error) {
      this.#finish(error as InferenceError, []);
    }
  }

  fail(error: InferenceError): void {
    this.#finish(error, []);
  }

  /** For the instance: the event loop hears of it. */
  deliver(): void {
    const { error, outputs: made } = this.#outcome ?? { error: null, outputs: [] };
    const outputs = this.batch.target ? placed(made, this.batch.target) : made;
    const release = (): void => {
      this.releaseCount++;
    };
    const hadEffects = this.batch.hasEffects === true;
    this.#done({ error, outputs, inputNs: 100, inferNs: 200, outputNs: 300, hadEffects, release });
  }

  #finish(error: InferenceError | null, outputs: readonly EngineOutput[]): void {
    this.#outcome = { error, outputs };
    this.#instance.finished(this);
  }
}

export type FakeMode = 'manual' | 'inline' | 'throw';

export class FakeInstance implements EngineInstance {
  /** Set by tests of batches that wait behind the running one. */
  canPrefetch = false;
  device: Device = { kind: 'cpu' };
  /**
   * Whether the end of a run is heard of only with the next `drain`, as the addon's is, whose thread goes on to the next
   * batch meanwhile; else at once.
   */
  lags = false;
  /** Given while another one runs; becomes `running` when that one ends. */
  waiting: FakeRun | null = null;
  readonly name: string;
  compute: Compute;
  /** `manual`: the test ends each run; `inline`: `done` is called within `submit`; `throw`: `submit` throws. */
  mode: FakeMode;
  /** Whether a ticket ends a manual run by itself. */
  endsWhenTerminated = true;
  readonly runs: FakeRun[] = [];
  running: FakeRun | null = null;
  isClosed = false;
  /** Batches that were ended before they were done. */
  terminateCount = 0;
  readonly #undrained: FakeRun[] = [];

  constructor(mode: FakeMode = 'manual', compute: Compute = identity(), name = 'fake_0') {
    this.mode = mode;
    this.compute = compute;
    this.name = name;
  }

  submit(batch: EngineBatch, done: (result: EngineResult) => void): Ticket {
    const held = this.#undrained.length + (this.running === null ? 0 : 1) + (this.waiting === null ? 0 : 1);
    if (held > (this.canPrefetch ? 1 : 0)) throw new Error('an instance was given more batches than it takes');
    if (this.isClosed) throw new Error('an instance was given a batch after it was closed');
    if (this.mode === 'throw') throw new Error('the engine threw');
    const run = new FakeRun(this, batch, done);
    if (this.running !== null) this.waiting = run;
    else this.running = run;
    this.runs.push(run);
    if (this.mode === 'inline') run.complete();
    return run;
  }

  /** For its runs: this one is over, and the one behind it begins. */
  finished(run: FakeRun): void {
    if (this.running === run) {
      this.running = this.waiting;
      this.waiting = null;
    }
    this.#undrained.push(run);
    if (!this.lags || this.mode === 'inline') this.drain();
    const next = this.running;
    if (next?.isTerminated && this.endsWhenTerminated) next.fail(cancelled(''));
  }

  /** The event loop hears of every run that is over. */
  drain(): void {
    for (const run of this.#undrained.splice(0)) run.deliver();
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  /** The latest run. */
  get last(): FakeRun {
    return this.runs[this.runs.length - 1] as FakeRun;
  }

  /** Requests per run so far. */
  get requestCounts(): readonly number[] {
    return this.runs.map((run) => run.requestCount);
  }
}

export class FakeSession implements EngineSession {
  readonly signature: ModelSignature;
  readonly spec: SessionSpec;
  readonly device;
  readonly fallbackReason = null;
  readonly graphProblem: string | null = null;
  readonly pluginProblem: string | null = null;
  readonly instances: FakeInstance[] = [];
  isClosed = false;
  readonly #mode: FakeMode;
  readonly #compute: Compute;

  constructor(signature: ModelSignature, spec: SessionSpec, mode: FakeMode, compute: Compute) {
    this.signature = signature;
    this.spec = spec;
    this.device = spec.device;
    this.#mode = mode;
    this.#compute = compute;
  }

  createInstance(spec: InstanceSpec): FakeInstance {
    const instance = new FakeInstance(this.#mode, this.#compute, spec.name);
    this.instances.push(instance);
    return instance;
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

/** What a path of the fake disk holds: a model, or the reason why it does not load. */
export type FakeModel = { readonly signature: ModelSignature; readonly compute?: Compute } | InferenceError;

export class FakeEngine implements Engine {
  /** By the path that `ModelFile.path` ends with. */
  readonly models = new Map<string, FakeModel>();
  readonly sessions: FakeSession[] = [];
  devices: readonly CudaDevice[] = [];
  mode: FakeMode = 'inline';
  /** The names of its registered execution providers. */
  plugins: readonly string[] = [];

  /** The options of each inspection, in the order of the calls. */
  readonly inspections: InspectionSpec[] = [];

  async inspect(file: ModelFile, spec: InspectionSpec = {}): Promise<ModelSignature> {
    this.inspections.push(spec);
    return this.#modelAt(file).signature;
  }

  async openSession(spec: SessionSpec): Promise<EngineSession> {
    const { signature, compute } = this.#modelAt(spec.file);
    const session = new FakeSession(signature, spec, this.mode, compute ?? identity());
    this.sessions.push(session);
    return session;
  }

  async readAssignment(spec: SessionSpec): Promise<GraphAssignment> {
    this.#modelAt(spec.file);
    return { parts: [], copies: 0 };
  }

  cudaDevices(): readonly CudaDevice[] {
    return this.devices;
  }

  describe(): EngineDescription {
    return {
      runtimeVersion: '0.0.0-fake',
      runtimePath: '',
      buildInfo: '',
      providers: ['CPUExecutionProvider'],
      cpuCores: 1,
      cudaProblem: 'the fake engine has no devices',
      driverVersion: null,
      plugins: this.plugins,
      cudaLibraries: [],
      hasTextLocale: true,
    };
  }

  #modelAt(file: ModelFile): Exclude<FakeModel, InferenceError> {
    for (const [path, model] of this.models) {
      if (!file.path.endsWith(path)) continue;
      if (model instanceof Error) throw model;
      return model;
    }
    throw notFound(`there is no fake model at ${file.path}`);
  }
}
