/**
 * Memory of a caller for the outputs of its batch. Only a batch of one request has such a target: the outputs of
 * several requests are contiguous, and their callers want them in different places.
 */

import type { EngineOutput } from '../../engine/engine.ts';
import type { OutputMemory } from '../../inference/output-memory.ts';
import { RegionBytes } from '../../tensor/tensor-bytes.ts';
import type { QueuedRequest } from '../queue/queued-request.ts';

/** Smaller outputs are copied: that costs less than to bind other memory for a run. */
const leastBytes = 64 * 1024;

/** Outputs begin at multiples of this in their memory (`native/engine/host_block.h`). */
const alignment = 64;

/** Owner of the memory from the handover of the batch until the outputs are read. */
export class OutputTarget {
  readonly bytes: RegionBytes;
  readonly #memory: OutputMemory;

  constructor(memory: OutputMemory, bytes: RegionBytes) {
    this.#memory = memory;
    this.bytes = bytes;
  }

  /** Called once. */
  release(): void {
    this.#memory.release(this.bytes);
  }
}

/** Foretells how large outputs are from the last batch. An estimate that is too low costs a copy, as without a target. */
export class OutputTargets {
  /** Bytes of each output for one row. */
  readonly #rowBytes: number[] = [];

  /** A batch has succeeded with these outputs. */
  observe(requests: readonly QueuedRequest[], outputs: readonly EngineOutput[], rows: number): void {
    if (requests[0]?.context.outputMemory === undefined) return;
    this.#rowBytes.length = 0;
    for (const { data } of outputs) this.#rowBytes.push(data.length / rows);
  }

  /** Memory for the outputs of these requests; null where the engine's is to be used. */
  targetFor(requests: readonly QueuedRequest[]): OutputTarget | null {
    const { context, rows } = requests[0] as QueuedRequest;
    const { outputMemory } = context;
    if (outputMemory === undefined || requests.length > 1) return null;
    let bytes = 0;
    for (const rowBytes of this.#rowBytes) bytes += Math.ceil((rowBytes * rows) / alignment) * alignment;
    if (bytes < leastBytes) return null;
    const taken = outputMemory.take(bytes);
    return taken === null ? null : new OutputTarget(outputMemory, taken);
  }
}

/** Whether the engine has put the outputs into the target of their batch: all of them, or none. */
export const areInTarget = (outputs: readonly EngineOutput[]): boolean => outputs[0]?.data instanceof RegionBytes;
