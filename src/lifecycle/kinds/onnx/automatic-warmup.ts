/**
 * Runs a version that has no warm-up samples with zeros, so that the first requests find memory allocated and kernels
 * chosen. The user did not configure it, so it must not decide about the load: it ends after a few seconds whatever the
 * model does, it takes little memory, and its failure is ignored, because zeros need not be valid input. The order of
 * its runs: one row on one instance, which measures the cost of a row and returns its memory; one row on all instances;
 * then, in the same way, as many rows as that cost allows (docs/decisions/0015-bounded-warm-up.md).
 */

import type { BatchInput, EngineBatch, EngineInstance } from '../../../engine/engine.ts';
import type { InferenceError } from '../../../errors.ts';
import type { Logger } from '../../../logger.ts';
import type { ModelConfig } from '../../../model-config/model-config.ts';
import type { ModelSignature, TensorSpec } from '../../../model-config/signature.ts';
import { compileScatter, rowsFault, type ScatterPlan } from '../../../scheduling/running/scatter.ts';
import { type Datatype, datatypes } from '../../../tensor/datatype.ts';
import { elementCount, type Shape } from '../../../tensor/shape.ts';
import { configuredOutputs } from './warmup-samples.ts';
import { type RunOutcome, type RunTools, watchedRun } from './watched-run.ts';

/** The time limit of all runs together. */
const automaticLimitMs = 5000;

/** No batch of more than one row is run if one row takes longer than this. */
const slowRunMs = 250;

/** The inputs of a batch have at most so many bytes. */
const mostInputBytes = 64 * 1024 * 1024;

const mebibyte = 1024 * 1024;

/**
 * Memory that the larger batches of all instances may be expected to take: a share of the available memory, bounded.
 */
const expectedGrowth = { mostBytes: 128 * mebibyte, share: 1 / 16 };

/** Memory at which a run is cancelled; more than expected, because a large model takes this much for one row. */
const endedGrowth = { mostBytes: 512 * mebibyte, share: 1 / 4 };

export interface AutomaticTask {
  readonly version: number;
  readonly config: ModelConfig;
  readonly signature: ModelSignature;
  readonly instances: readonly EngineInstance[];
  /** Null when the load cannot be cancelled. */
  readonly signal: AbortSignal | null;
}

export interface AutomaticTools extends RunTools {
  readonly logger: Logger;
}

/** The outcome of the automatic warm-up. */
interface AutomaticOutcome {
  /** The instances that still run and must not be used. */
  readonly stuck: readonly EngineInstance[];
  /** An output that is not cut by rows; null when none was seen. */
  readonly batchFault: InferenceError | null;
}

/** Resolves within `automaticLimitMs` and the grace of a run. Never rejects. */
export async function warmUpWithZeros(task: AutomaticTask, tools: AutomaticTools): Promise<AutomaticOutcome> {
  const warmup = new AutomaticWarmup(task, tools);
  await warmup.run();
  return warmup;
}

class AutomaticWarmup implements AutomaticOutcome {
  readonly stuck: EngineInstance[] = [];
  batchFault: InferenceError | null = null;
  readonly #task: AutomaticTask;
  readonly #tools: AutomaticTools;
  readonly #scatter: ScatterPlan;
  readonly #startMs: number;
  readonly #endedBytes: number;
  readonly #expectedBytes: number;
  /** Rows of the batches that ran to completion. */
  readonly #rows: number[] = [];
  #mostGrowth = 0;
  /** Why there was no larger batch; null when everything was run. */
  #stopped: string | null = null;

  constructor(task: AutomaticTask, tools: AutomaticTools) {
    this.#task = task;
    this.#tools = tools;
    this.#scatter = compileScatter(task.config, task.signature, new Map());
    this.#startMs = tools.clock.now();
    const available = tools.memory.availableBytes();
    this.#endedBytes = Math.min(endedGrowth.mostBytes, available * endedGrowth.share);
    this.#expectedBytes = Math.min(expectedGrowth.mostBytes, available * expectedGrowth.share);
  }

  async run(): Promise<void> {
    if (this.#task.instances.length === 0) return;
    await this.#runAll();
    this.#report();
  }

  async #runAll(): Promise<void> {
    const [first] = this.#task.instances;
    // The first run on a GPU loads the provider's kernels. That takes a tenth of a second and many MiB of the host, once,
    // and is not the cost of a row.
    if (first?.device.kind === 'cuda' && (await this.#batch(1, [first], true)) === null) return;
    const one = await this.#warm(1);
    const { maxBatchSize } = this.#task.config;
    if (one === null || maxBatchSize < 2 || this.batchFault !== null) return;
    const rows = this.#affordableRows(one);
    if (rows < maxBatchSize) this.#stopped = `${costText(one)}, so ${rows} of ${maxBatchSize} rows were run`;
    if (rows >= 2) await this.#warm(rows);
  }

  /**
   * Runs so many rows on every instance. The first run measures their cost, so it returns its memory; if the cost is
   * affordable, the other runs keep their memory for the first requests. Returns the first run, or null to stop.
   */
  async #warm(rows: number): Promise<RunOutcome | null> {
    const { instances } = this.#task;
    const others = instances.slice(1);
    const first = await this.#batch(rows, instances.slice(0, 1), true);
    if (first === null) return null;
    const { tookMs, growthBytes } = first;
    if (growthBytes * others.length > this.#expectedBytes) {
      const what = rows === 1 ? 'a row' : `${rows} rows`;
      this.#stopped = `${what} took ${mebibytes(growthBytes)} MiB, too much for ${others.length} more instances`;
      return null;
    }
    const isCheap = tookMs <= slowRunMs && growthBytes <= this.#expectedBytes;
    return (await this.#batch(rows, isCheap ? instances : others, false)) === null ? null : first;
  }

  #affordableRows({ tookMs, growthBytes }: RunOutcome): number {
    if (tookMs > slowRunMs) return 1;
    const leftMs = this.#startMs + automaticLimitMs - this.#tools.clock.now();
    const byTime = Math.floor(leftMs / 2 / Math.max(tookMs, 0.001));
    const byMemory = Math.floor(this.#expectedBytes / Math.max(growthBytes * this.#task.instances.length, 1));
    return Math.max(1, Math.min(this.#task.config.maxBatchSize, byTime, byMemory));
  }

  /** The costliest of the runs; null to stop. */
  async #batch(rows: number, instances: readonly EngineInstance[], returnsMemory: boolean): Promise<RunOutcome | null> {
    const batch = zeroBatch(this.#task, rows, returnsMemory);
    if (batch === null) {
      this.#stopped = `${rows} rows of its inputs are too large`;
      return null;
    }
    const limits = {
      untilMs: this.#startMs + automaticLimitMs,
      maxGrowthBytes: this.#endedBytes,
      signal: this.#task.signal,
    };
    const outcomes = await Promise.all(
      instances.map(async (instance) => {
        const outcome = await watchedRun(instance, batch, limits, this.#tools);
        if (outcome.isStuck) this.stuck.push(instance);
        return outcome;
      }),
    );
    let costliest: RunOutcome = { ended: null, isStuck: false, error: null, shapes: [], tookMs: 0, growthBytes: 0 };
    for (const outcome of outcomes) {
      this.#mostGrowth = Math.max(this.#mostGrowth, outcome.growthBytes);
      // Of several, that of a run which could not be ended.
      if (this.#stopped === null || outcome.isStuck) this.#stopped = stopReason(rows, outcome);
      this.batchFault ??= rowsFault(this.#scatter, outcome.shapes, rows);
      if (outcome.growthBytes >= costliest.growthBytes) costliest = outcome;
    }
    if (outcomes.some(({ ended, error }) => ended !== null || error !== null)) return null;
    if (instances.length > 0) this.#rows.push(rows);
    return costliest;
  }

  #report(): void {
    const { clock, logger } = this.#tools;
    const fields = {
      model: this.#task.config.name,
      version: this.#task.version,
      rows: [...new Set(this.#rows)],
      tookMs: Math.round(clock.now() - this.#startMs),
      grewMiB: mebibytes(this.#mostGrowth),
    };
    if (this.#stopped === null) {
      logger.debug(fields, 'automatic warm-up is done');
      return;
    }
    const text = `automatic warm-up stopped early, the model serves all the same: ${this.#stopped}`;
    if (this.stuck.length === 0) logger.info(fields, text);
    else {
      const { length } = this.stuck;
      logger.warn(
        fields,
        `${text}; ${length} instance(s) were replaced, the old ones run on until their operator ends`,
      );
    }
  }
}

function stopReason(rows: number, { ended, isStuck, error, growthBytes }: RunOutcome): string | null {
  const run = `a run of ${rows} row(s) with zeros`;
  const end = isStuck ? 'could not be ended' : 'was ended';
  switch (ended) {
    case 'time':
      return `${run} ${end} when all of them had taken ${automaticLimitMs} ms`;
    case 'memory':
      return `${run} ${end} after it had taken ${mebibytes(growthBytes)} MiB of memory`;
    case 'aborted':
      return `${run} ${end} when the load was called off`;
    case null:
      return error === null ? null : `${run} failed: ${error.message}`;
  }
}

const costText = ({ tookMs, growthBytes }: RunOutcome): string =>
  `a row took ${tookMs.toFixed(1)} ms and ${mebibytes(growthBytes)} MiB`;

const mebibytes = (bytes: number): number => Math.round(bytes / mebibyte);

/** Null when its inputs are too large. Open extents are 1. */
function zeroBatch(task: AutomaticTask, rows: number, returnsMemory: boolean): EngineBatch | null {
  const inputs: BatchInput[] = [];
  let totalBytes = 0;
  for (const [index, spec] of task.signature.inputs.entries()) {
    if (spec.isOptional) continue;
    const shape = zeroShape(task, spec, rows);
    const count = elementCount(shape);
    if (count === null) return null;
    totalBytes += count * elementBytes(spec.datatype);
    if (totalBytes > mostInputBytes) return null;
    inputs.push({ index, shape, parts: [zeros(spec.datatype, count)] });
  }
  return { inputs, outputs: configuredOutputs(task.config, task.signature), returnsMemory };
}

function zeroShape(task: AutomaticTask, spec: TensorSpec, rows: number): Shape {
  const shape = (spec.shape ?? []).map((dim) => (dim < 0 ? 1 : dim));
  return task.config.maxBatchSize > 0 ? [rows, ...shape.slice(1)] : shape;
}

/** The text `0` as an element of BYTES: models that parse numbers accept it, and refuse an empty string. */
const zeroText = new Uint8Array([1, 0, 0, 0, 0x30]);

const elementBytes = (datatype: Datatype): number => datatypes[datatype].byteSize || zeroText.length;

function zeros(datatype: Datatype, count: number): Uint8Array {
  const bytes = new Uint8Array(count * elementBytes(datatype));
  if (datatype === 'BYTES') for (let at = 0; at < bytes.length; at += zeroText.length) bytes.set(zeroText, at);
  return bytes;
}
