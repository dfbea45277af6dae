/**
 * A closed set of requests that run together, and its description for the engine. No bytes are copied here: the engine
 * gathers the parts.
 */

import type { BatchInput, EngineBatch, EngineInstance, Ticket } from '../../engine/engine.ts';
import type { TensorBytes } from '../../tensor/tensor-bytes.ts';
import type { AdmittedInput, AdmittedOutput } from '../admission/admitted-request.ts';
import type { QueuedRequest, RequestBatch } from '../queue/queued-request.ts';
import type { OutputTarget } from './output-target.ts';
import type { BatchDurations, CloseReason } from '../scheduler.ts';
import type { Demand, GatePass } from './instance-gate.ts';

const notYet: BatchDurations = { computeInputNs: 0, computeInferNs: 0, computeOutputNs: 0 };

/** An instance with its batches. */
export class InstanceSlot {
  readonly engine: EngineInstance;
  /** The running batch. */
  batch: Batch | null = null;
  /** The batch behind it, which the engine runs next. */
  prefetched: Batch | null = null;
  /** Set while the instance is to be retired after its batch. */
  whenRetired: (() => void) | null = null;
  /** For the gate; null where there is none. */
  readonly demand: Demand | null;
  /** Permission of the gate to run `batch`; null without a gate. */
  pass: GatePass | null = null;

  constructor(engine: EngineInstance, demand: Demand | null) {
    this.engine = engine;
    this.demand = demand;
  }
}

export class Batch implements RequestBatch {
  /** In the order of their rows. At least one; all with one batchKey. */
  readonly requests: readonly QueuedRequest[];
  readonly rows: number;
  readonly closedBy: CloseReason;
  /** When the engine started it, or for a prefetched one, when it was handed over. */
  startedAtMs: number;
  readonly instance: InstanceSlot;
  /** Requests whose callers still wait. */
  liveCount: number;
  /** Outputs that the engine was asked for. */
  outputCount = 0;
  durations: BatchDurations = notYet;
  /** Set when `submit` returns; a batch that ran inline has ended by then. */
  ticket: Ticket | null = null;
  isDone = false;
  /** Where the outputs go, until a response has it; null where the engine has the memory. */
  target: OutputTarget | null = null;

  constructor(requests: readonly QueuedRequest[], closedBy: CloseReason, startedAtMs: number, instance: InstanceSlot) {
    let rows = 0;
    for (const request of requests) {
      rows += request.rows;
      request.batch = this;
      request.state = 'running';
    }
    this.requests = requests;
    this.rows = rows;
    this.closedBy = closedBy;
    this.startedAtMs = startedAtMs;
    this.instance = instance;
    this.liveCount = requests.length;
  }

  get requestCount(): number {
    return this.requests.length;
  }

  forget(): void {
    this.liveCount--;
    if (this.liveCount === 0) this.ticket?.end();
  }

  /** The outputs are not in the target, or are no longer read. */
  leaveTarget(): void {
    this.target?.release();
    this.target = null;
  }
}

/** The batch as the engine sees it: each input once, its parts in the order of the requests. */
export function engineBatchOf(requests: readonly QueuedRequest[], target: OutputTarget | null): EngineBatch {
  const first = (requests[0] as QueuedRequest).request;
  const inputs = new Array<BatchInput>(first.inputs.length);
  for (let i = 0; i < inputs.length; i++) {
    const input = first.inputs[i] as AdmittedInput;
    inputs[i] =
      requests.length === 1 ? { index: input.index, shape: input.shape, parts: [input.data] } : joined(requests, i);
  }
  return { inputs, outputs: outputsOf(requests, first.outputs), target: target === null ? null : target.bytes };
}

/**
 * Dimension 0 is the sum; equal batchKeys make sure that the other dimensions, and values shared by all rows, are
 * equal.
 */
function joined(requests: readonly QueuedRequest[], position: number): BatchInput {
  const first = (requests[0] as QueuedRequest).request.inputs[position] as AdmittedInput;
  if (first.shape.length === 0) return { index: first.index, shape: [], parts: [first.data] };
  const parts = new Array<TensorBytes>(requests.length);
  let extent = 0;
  for (let i = 0; i < parts.length; i++) {
    const input = (requests[i] as QueuedRequest).request.inputs[position] as AdmittedInput;
    extent += input.shape[0] as number;
    parts[i] = input.data;
  }
  const whole = first.shape.slice();
  whole[0] = extent;
  return { index: first.index, shape: whole, parts };
}

/**
 * Every output that at least one of them wants. Requests that name all or none share one list, so this is usually a
 * comparison.
 */
function outputsOf(requests: readonly QueuedRequest[], first: readonly AdmittedOutput[]): readonly number[] {
  const indexes = new Array<number>(first.length);
  for (let i = 0; i < indexes.length; i++) indexes[i] = (first[i] as AdmittedOutput).index;
  if (requests.every(({ request }) => request.outputs === first)) return indexes;
  const wanted = new Set(indexes);
  for (const { request } of requests) for (const output of request.outputs) wanted.add(output.index);
  return [...wanted];
}
