/**
 * An instance of the addon: brings batches in and out, on the instance's own thread or, where that is cheaper, right here.
 * This is the hot path of the engine; its cost per batch is what bench/engine.mjs measures.
 */

import { InferenceError, internal, invalidArgument, toInferenceError } from '../errors.ts';
import type { EngineBatch, EngineInstance, EngineOutput, EngineResult, InstanceSpec } from './engine.ts';
import { InlineChoice } from './inline-choice.ts';
import { controlNumbers, type JobFrame, writeRequest } from './job-frame.ts';
import type { NativeAddon } from './native.ts';
import { nativeFailure } from './native-error.ts';
import type { NativeModel } from './native-session.ts';
import { OutputSlabs } from './output-slabs.ts';

const noOutputs: readonly EngineOutput[] = [];

/** The answer to one batch; owns one output slab until `release`. */
class NativeResult implements EngineResult {
  readonly error: InferenceError | null;
  readonly outputs: readonly EngineOutput[];
  readonly inputNs: number;
  readonly inferNs: number;
  readonly outputNs: number;
  readonly #slabs: OutputSlabs;
  #slabId: number;

  constructor(
    error: InferenceError | null,
    outputs: readonly EngineOutput[],
    control: Float64Array | null,
    slabs: OutputSlabs,
    slabId: number,
  ) {
    this.error = error;
    this.outputs = outputs;
    this.inputNs = control === null ? 0 : (control[1] as number);
    this.inferNs = control === null ? 0 : (control[2] as number);
    this.outputNs = control === null ? 0 : (control[3] as number);
    this.#slabs = slabs;
    this.#slabId = slabId;
  }

  release(): void {
    const slabId = this.#slabId;
    if (slabId < 0) return;
    this.#slabId = -1;
    this.#slabs.release(slabId);
  }
}

/** A frame and, while its batch is under way, what belongs to that batch. */
interface BusyFrame extends JobFrame {
  batch: EngineBatch | null;
  done: ((result: EngineResult) => void) | null;
  bytes: number;
}

/** Where instances of one environment are found by their frames, when the addon says which are done. */
export class FrameTable {
  readonly #owners: (NativeInstance | null)[] = [];

  set(frameId: number, owner: NativeInstance | null): void {
    while (this.#owners.length <= frameId) this.#owners.push(null);
    this.#owners[frameId] = owner;
  }

  /** Tells each frame's instance; a `done` that throws does not keep the others from being told. */
  readonly finish = (frameIds: Int32Array): void => {
    for (let i = 0; i < frameIds.length; i++) {
      const frameId = frameIds[i] as number;
      try {
        this.#owners[frameId]?.finishSubmitted(frameId);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  };
}

export class NativeInstance implements EngineInstance {
  readonly takesAhead = true;
  readonly #addon: NativeAddon;
  readonly #id: number;
  readonly #model: NativeModel;
  readonly #maxRows: number;
  readonly #frames: FrameTable;
  readonly #slabs: OutputSlabs;
  readonly #choice: InlineChoice;
  readonly #controlNumbers: number;
  /** Made when first needed: one, or two where a batch waits behind the running one. */
  readonly #free: BusyFrame[] = [];
  readonly #busy = new Map<number, BusyFrame>();
  #closing: Promise<void> | null = null;
  #onIdle: (() => void) | null = null;

  constructor(addon: NativeAddon, id: number, model: NativeModel, spec: InstanceSpec, frames: FrameTable) {
    const { signature } = model;
    this.#addon = addon;
    this.#id = id;
    this.#model = model;
    this.#maxRows = spec.maxRows;
    this.#frames = frames;
    this.#slabs = new OutputSlabs(
      addon,
      id,
      signature.outputs.map(({ datatype }) => datatype),
    );
    this.#choice = new InlineChoice(model.mayRunInline);
    this.#controlNumbers = controlNumbers(
      [...signature.inputs, ...signature.outputs].map(({ shape }) => (shape === null ? null : shape.length)),
    );
  }

  run(batch: EngineBatch, done: (result: EngineResult) => void): void {
    const started = this.#start(batch, done);
    if (started === null) return;
    done(started instanceof InferenceError ? this.#failure(started) : this.#finish(started, batch, true));
  }

  terminate(): void {
    if (this.#busy.size > 0) this.#addon.terminate(this.#id);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** For `FrameTable` only. */
  finishSubmitted(frameId: number): void {
    const frame = this.#busy.get(frameId);
    if (frame === undefined || frame.batch === null || frame.done === null) return;
    const { batch, done } = frame;
    this.#busy.delete(frameId);
    frame.batch = null;
    frame.done = null;
    const result = this.#finish(frame, batch, false);
    if (this.#busy.size === 0) this.#onIdle?.();
    done(result);
  }

  /** Reads the reply and sets the frame free. */
  #finish(frame: BusyFrame, batch: EngineBatch, wasInline: boolean): EngineResult {
    const { control } = frame;
    const code = control[0] as number;
    const slabId = control[4] as number;
    let error: InferenceError | null = null;
    let outputs = noOutputs;
    if (code === 0) {
      outputs = slabId < 0 ? noOutputs : this.#slabs.read(control, slabId, batch.outputs);
    } else error = nativeFailure({ code: code - 1, message: this.#addon.takeError(frame.id) });
    const result = new NativeResult(error, outputs, control, this.#slabs, slabId);
    this.#choice.record(frame.bytes, result.inputNs + result.inferNs + result.outputNs, wasInline);
    this.#free.push(frame);
    return result;
  }

  /** Null: submitted, `done` will be called. A frame: it ran here and holds the reply. */
  #start(batch: EngineBatch, done: (result: EngineResult) => void): BusyFrame | InferenceError | null {
    if (this.#closing !== null) return internal('the instance is closed');
    let frame: BusyFrame | undefined;
    try {
      frame = this.#free.pop() ?? this.#makeFrame();
      const request = writeRequest(frame, batch, this.#maxRows, this.#model.nativeInputs);
      if (request === null) {
        this.#free.push(frame);
        return invalidArgument('an input has more dimensions than the engine takes');
      }
      frame.bytes = request.bytes;
      if (this.#busy.size === 0 && this.#choice.allows(request.bytes)) {
        this.#addon.runNow(frame.id, request.parts);
        return frame;
      }
      this.#addon.submit(frame.id, request.parts);
      frame.batch = batch;
      frame.done = done;
      this.#busy.set(frame.id, frame);
      return null;
    } catch (error) {
      if (frame !== undefined) this.#free.push(frame);
      return toInferenceError(error);
    }
  }

  #failure(error: InferenceError): EngineResult {
    return new NativeResult(error, noOutputs, null, this.#slabs, -1);
  }

  #makeFrame(): BusyFrame {
    const reply = this.#addon.createFrame(this.#id, this.#controlNumbers);
    if (reply.error !== null) throw nativeFailure(reply.error);
    this.#frames.set(reply.id, this);
    return {
      id: reply.id,
      control: new Float64Array(reply.control),
      input: new Uint8Array(reply.input),
      batch: null,
      done: null,
      bytes: 0,
    };
  }

  async #close(): Promise<void> {
    if (this.#busy.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    this.#addon.closeInstance(this.#id);
    for (const frame of this.#free) {
      this.#frames.set(frame.id, null);
      this.#addon.discardBuffer(frame.control.buffer as ArrayBuffer);
      this.#addon.discardBuffer(frame.input.buffer as ArrayBuffer);
    }
    this.#free.length = 0;
    this.#slabs.close();
  }
}
