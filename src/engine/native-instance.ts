/**
 * An instance of the addon: hands batches over and takes results, on a thread of the addon or, if that is cheaper,
 * on the event loop. This is the hot path of the engine; bench/engine.mjs measures its cost per batch.
 */

import { InferenceError, internal, invalidArgument, toInferenceError } from '../errors.ts';
import type { RegionBytes } from '../tensor/tensor-bytes.ts';
import type {
  Device,
  EngineBatch,
  EngineInstance,
  EngineOutput,
  EngineResult,
  InstanceSpec,
  Ticket,
} from './engine.ts';
import type { FrameOwner, FrameTable } from './frame-table.ts';
import type { IdleSlabs, SlabOwner } from './idle-slabs.ts';
import { InlineChoice, loneLimits, usualLimits } from './inline-choice.ts';
import { controlNumbers, inputRoom, inTarget, type JobFrame, writeRequest } from './job-frame.ts';
import type { NativeAddon } from './native.ts';
import { nativeFailure } from './native-error.ts';
import type { NativeModel } from './native-model.ts';
import { OutputSlabs } from './output-slabs.ts';

const noOutputs: readonly EngineOutput[] = [];

/**
 * One batch: its ticket while it runs, and then its result, which owns an output slab until `release`. One object
 * for both, so that a ticket costs none.
 */
class NativeRun implements Ticket, EngineResult {
  error: InferenceError | null = null;
  outputs = noOutputs;
  inputNs = 0;
  inferNs = 0;
  outputNs = 0;
  /** Its number among all batches of the instance, by which the addon knows it. */
  readonly ticket: number;
  readonly batch: EngineBatch;
  readonly done: (result: EngineResult) => void;
  readonly #instance: NativeInstance;
  #isDone = false;
  #slabId = -1;

  constructor(instance: NativeInstance, ticket: number, batch: EngineBatch, done: (result: EngineResult) => void) {
    this.#instance = instance;
    this.ticket = ticket;
    this.batch = batch;
    this.done = done;
  }

  get hadEffects(): boolean {
    // A run that has not begun has no time.
    return this.batch.hasEffects === true && this.inferNs > 0;
  }

  end(): void {
    if (!this.#isDone) this.#instance.endBatch(this.ticket);
  }

  /** Takes the times and the slab out of the reply; outputs or error are set by the caller. */
  finish(control: Float64Array): void {
    this.#isDone = true;
    this.inputNs = control[1] as number;
    this.inferNs = control[2] as number;
    this.outputNs = control[3] as number;
    this.#slabId = control[4] as number;
  }

  /** Fails a batch that never reached the addon. */
  fail(error: InferenceError): void {
    this.#isDone = true;
    this.error = error;
  }

  release(): void {
    const slabId = this.#slabId;
    if (slabId < 0) return;
    this.#slabId = -1;
    this.#instance.releaseSlab(slabId);
  }
}

/** A frame and the batch in it. */
interface BusyFrame extends JobFrame {
  /** Null while it is free. */
  run: NativeRun | null;
  /** Bytes of the inputs. */
  bytes: number;
  /** What it counts as for `LoneRuns`. */
  submitted: number;
  /** Where it runs: `lone` on the event loop, because it is alone. */
  place: 'thread' | 'loop' | 'lone';
}

export class NativeInstance implements EngineInstance, SlabOwner, FrameOwner {
  readonly canPrefetch = true;
  readonly device: Device;
  readonly #addon: NativeAddon;
  readonly #id: number;
  readonly #model: NativeModel;
  readonly #maxRows: number;
  readonly #frames: FrameTable;
  readonly #slabs: OutputSlabs;
  readonly #idleSlabs: IdleSlabs;
  /** Whether this instance is registered with `#idleSlabs`. */
  #hasSlabs = false;
  /** Whether a batch runs on the event loop; and whether it does if it is alone. */
  readonly #choice: InlineChoice;
  readonly #loneChoice: InlineChoice;
  readonly #controlNumbers: number;
  readonly #inputRoom: number;
  /** Made when first needed: one, or two where batches are prefetched. */
  readonly #free: BusyFrame[] = [];
  readonly #busy = new Map<number, BusyFrame>();
  #lastTicket = 0;
  #closing: Promise<void> | null = null;
  #onIdle: (() => void) | null = null;

  constructor(
    addon: NativeAddon,
    id: number,
    model: NativeModel,
    spec: InstanceSpec,
    frames: FrameTable,
    idleSlabs: IdleSlabs,
    device: Device,
  ) {
    this.device = device;
    const { signature } = model;
    this.#idleSlabs = idleSlabs;
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
    this.#choice = new InlineChoice(model.mayRunInline, usualLimits);
    this.#loneChoice = new InlineChoice(model.mayRunInline, loneLimits);
    this.#controlNumbers = controlNumbers(
      [...signature.inputs, ...signature.outputs].map(({ shape }) => (shape === null ? null : shape.length)),
    );
    this.#inputRoom = inputRoom(signature.inputs, spec.maxRows);
  }

  submit(batch: EngineBatch, done: (result: EngineResult) => void): Ticket {
    this.#lastTicket++;
    const run = new NativeRun(this, this.#lastTicket, batch, done);
    const started = this.#start(run);
    if (started === null) return run;
    if (started instanceof InferenceError) run.fail(started);
    else this.#finish(started, run);
    done(run);
    return run;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  finishSubmitted(frameId: number): void {
    const frame = this.#busy.get(frameId);
    const run = frame?.run ?? null;
    if (frame === undefined || run === null || frame.control[5] !== run.ticket) return;
    this.#busy.delete(frameId);
    const { submitted } = frame;
    this.#finish(frame, run);
    if (this.#busy.size === 0) this.#onIdle?.();
    run.done(run);
    this.#frames.loneRuns.ended(submitted);
  }

  /** For `NativeRun` only. */
  endBatch(ticket: number): void {
    this.#addon.endBatch(this.#id, ticket);
  }

  /** For `NativeRun` only. */
  releaseSlab(slabId: number): void {
    this.#slabs.release(slabId);
  }

  /** For `IdleSlabs` only. */
  trimSlabs(): number {
    const [left = 0, ...dropped] = this.#addon.trimSlabs(this.#id);
    this.#slabs.dropped(dropped);
    this.#hasSlabs = left > 0;
    return left;
  }

  /** Reads the reply and frees the frame. */
  #finish(frame: BusyFrame, run: NativeRun): void {
    const { control, place } = frame;
    const code = control[0] as number;
    const slabId = control[4] as number;
    run.finish(control);
    if (code !== 0) run.error = nativeFailure({ code: code - 1, message: this.#addon.takeError(frame.id) });
    else if (slabId >= 0) run.outputs = this.#slabs.read(control, slabId, run.batch.outputs);
    else if (slabId === inTarget) {
      run.outputs = this.#slabs.readTarget(control, run.batch.target as RegionBytes, run.batch.outputs);
    }
    const ns = run.inputNs + run.inferNs + run.outputNs;
    this.#choice.record(frame.bytes, ns, place === 'loop');
    this.#loneChoice.record(frame.bytes, ns, place === 'lone');
    frame.run = null;
    this.#free.push(frame);
    if (this.#hasSlabs) return;
    this.#hasSlabs = true;
    this.#idleSlabs.add(this);
  }

  /** Null: submitted, `done` will be called. A frame: the batch ran inline, and the frame has the reply. */
  #start(run: NativeRun): BusyFrame | InferenceError | null {
    if (this.#closing !== null) return internal('the instance is closed');
    let frame: BusyFrame | undefined;
    try {
      frame = this.#free.pop() ?? this.#makeFrame();
      const request = writeRequest(frame, run.batch, run.ticket, this.#maxRows, this.#model.nativeInputs);
      if (request === null) {
        this.#free.push(frame);
        return invalidArgument('an input has more dimensions than the engine takes');
      }
      frame.bytes = request.bytes;
      const target = run.batch.target?.view() ?? null;
      frame.submitted = this.#frames.loneRuns.submitted((run.batch.inputs[0]?.parts.length ?? 0) > 1);
      frame.place = this.#placeFor(request.bytes);
      if (frame.place !== 'thread') {
        this.#addon.runNow(frame.id, request.parts, target);
        return frame;
      }
      this.#addon.submit(frame.id, request.parts, target);
      frame.run = run;
      this.#busy.set(frame.id, frame);
      return null;
    } catch (error) {
      if (frame !== undefined) this.#free.push(frame);
      return toInferenceError(error);
    }
  }

  #placeFor(bytes: number): BusyFrame['place'] {
    if (this.#busy.size > 0) return 'thread';
    if (this.#choice.allows(bytes)) return 'loop';
    return this.#loneChoice.allows(bytes) && this.#frames.loneRuns.takesLoop() ? 'lone' : 'thread';
  }

  #makeFrame(): BusyFrame {
    const reply = this.#addon.createFrame(this.#id, this.#controlNumbers, this.#inputRoom);
    if (reply.error !== null) throw nativeFailure(reply.error);
    this.#frames.set(reply.id, this);
    return {
      id: reply.id,
      control: new Float64Array(reply.control),
      input: new Uint8Array(reply.input),
      run: null,
      bytes: 0,
      submitted: 0,
      place: 'thread',
    };
  }

  async #close(): Promise<void> {
    if (this.#busy.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    this.#idleSlabs.remove(this);
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
