/**
 * Counts the requests and batches of one loaded model version. It listens to the version's scheduler on the event loop,
 * answers the statistics endpoint, and is read by the metrics during a scrape. A request needs no look-up and no
 * allocation.
 */

import type {
  BatchStatistics,
  ModelStatistics,
  StatisticDuration,
  VersionIdentity,
  VersionStatistics,
} from '../lifecycle/version-statistics.ts';
import {
  type BatchDurations,
  type CloseReason,
  closeReasons,
  type FailureReason,
  failureReasons,
} from '../scheduling/scheduler.ts';
import type { Clock } from '../time.ts';
import {
  type CountingOptions,
  type Histograms,
  histogramsOf,
  observeHistograms,
  observeWindows,
  type Windows,
  windowsAt,
} from './latency-distributions.ts';

/** Cells of `VersionCounters.cells`; durations in nanoseconds, exact up to 2^53. */
export const cell = {
  success: 0,
  requestNs: 1,
  queueNs: 2,
  computeInputNs: 3,
  computeInferNs: 4,
  computeOutputNs: 5,
  inferences: 6,
  executions: 7,
  failNs: 8,
  queued: 9,
  /** Requests that left the queue, for a batch or for good. */
  dequeued: 10,
  /** Requests handed to the engine. */
  started: 11,
  /** Requests whose batch has ended. */
  ended: 12,
  /** First of one cell per `failureReasons`. */
  failed: 13,
  /** First of one cell per `closeReasons`. */
  closed: 13 + failureReasons.length,
} as const;

export const cellCount = cell.closed + closeReasons.length;

/** Where a cell of `failureReasons` or `closeReasons` is. A scan of five strings that are mostly found first. */
export const failedCell = (reason: FailureReason): number => cell.failed + failureReasons.indexOf(reason);
export const closedCell = (reason: CloseReason): number => cell.closed + closeReasons.indexOf(reason);

/** Executions of one batch size: count, then the three durations. */
interface BatchTally {
  count: number;
  inputNs: number;
  inferNs: number;
  outputNs: number;
}

export class VersionCounters implements VersionStatistics {
  readonly identity: VersionIdentity;
  readonly cells = new Float64Array(cellCount);
  /** Null when histograms are off. */
  readonly histograms: Histograms | null;
  /** Null when summaries are off. */
  readonly windows: Windows | null;
  /** Seconds the load took; null until it is known. */
  loadSeconds: number | null = null;
  readonly #clock: Clock;
  readonly #onRetire: (counters: VersionCounters) => void;
  readonly #batches = new Map<number, BatchTally>();
  #lastInferenceMs = 0;
  #isRetired = false;

  constructor(
    identity: VersionIdentity,
    clock: Clock,
    options: CountingOptions,
    onRetire: (counters: VersionCounters) => void,
  ) {
    this.identity = identity;
    this.#clock = clock;
    this.#onRetire = onRetire;
    this.histograms = options.histograms === null ? null : histogramsOf(options.histograms, identity.histogramBuckets);
    this.windows = options.summaries ? windowsAt(clock.now()) : null;
  }

  requestQueued(): void {
    this.#count(cell.queued, 1);
  }

  batchStarted(requestCount: number): void {
    this.#count(cell.started, requestCount);
  }

  requestSucceeded(totalNs: number, queueNs: number, batch: BatchDurations, rows: number): void {
    this.#count(cell.success, 1);
    this.#count(cell.dequeued, 1);
    this.#count(cell.requestNs, totalNs);
    this.#count(cell.queueNs, queueNs);
    this.#count(cell.computeInputNs, batch.computeInputNs);
    this.#count(cell.computeInferNs, batch.computeInferNs);
    this.#count(cell.computeOutputNs, batch.computeOutputNs);
    this.#count(cell.inferences, rows);
    if (this.histograms !== null) observeHistograms(this.histograms, totalNs, queueNs, batch);
    if (this.windows !== null) observeWindows(this.windows, totalNs, queueNs, batch, this.#clock.now());
  }

  requestFailed(totalNs: number, reason: FailureReason, wasQueued: boolean): void {
    this.#count(failedCell(reason), 1);
    this.#count(cell.failNs, totalNs);
    if (wasQueued) this.#count(cell.dequeued, 1);
  }

  batchExecuted(
    rows: number,
    requestCount: number,
    closedBy: CloseReason | null,
    batch: BatchDurations,
    failed: boolean,
  ): void {
    if (closedBy !== null) this.#count(closedCell(closedBy), 1);
    this.#count(cell.ended, requestCount);
    this.histograms?.batchSize?.observe(rows);
    if (failed) return;
    this.#count(cell.executions, 1);
    this.#lastInferenceMs = this.#clock.wallMs();
    let tally = this.#batches.get(rows);
    if (tally === undefined) {
      tally = { count: 0, inputNs: 0, inferNs: 0, outputNs: 0 };
      this.#batches.set(rows, tally);
    }
    tally.count += 1;
    tally.inputNs += batch.computeInputNs;
    tally.inferNs += batch.computeInferNs;
    tally.outputNs += batch.computeOutputNs;
  }

  loaded(seconds: number): void {
    this.loadSeconds = seconds;
  }

  retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    this.#onRetire(this);
  }

  snapshot(): ModelStatistics {
    const success = this.#read(cell.success);
    const phase = (index: number): StatisticDuration => ({ count: success, ns: this.#read(index) });
    return {
      name: this.identity.model,
      version: String(this.identity.version),
      lastInferenceMs: this.#lastInferenceMs,
      inferenceCount: this.#read(cell.inferences),
      executionCount: this.#read(cell.executions),
      success: phase(cell.requestNs),
      fail: {
        count: failureReasons.reduce((sum, reason) => sum + this.#read(failedCell(reason)), 0),
        ns: this.#read(cell.failNs),
      },
      queue: phase(cell.queueNs),
      computeInput: phase(cell.computeInputNs),
      computeInfer: phase(cell.computeInferNs),
      computeOutput: phase(cell.computeOutputNs),
      batches: [...this.#batches].sort(([a], [b]) => a - b).map(([rows, tally]) => batchStatistics(rows, tally)),
      memoryUsage: [],
    };
  }

  #count(index: number, amount: number): void {
    (this.cells[index] as number) += amount;
  }

  #read(index: number): number {
    return this.cells[index] as number;
  }
}

function batchStatistics(rows: number, tally: BatchTally): BatchStatistics {
  return {
    batchSize: rows,
    computeInput: { count: tally.count, ns: tally.inputNs },
    computeInfer: { count: tally.count, ns: tally.inferNs },
    computeOutput: { count: tally.count, ns: tally.outputNs },
  };
}
