/** Records the events of a scheduler. */

import type { BatchDurations, CloseReason, FailureReason, SchedulingObserver } from '../../src/scheduling/scheduler.ts';

export interface SuccessFact {
  readonly totalNs: number;
  readonly queueNs: number;
  readonly batch: BatchDurations;
  readonly rows: number;
}

export interface FailureFact {
  readonly totalNs: number;
  readonly reason: FailureReason;
  readonly wasQueued: boolean;
}

export interface BatchFact {
  readonly rows: number;
  readonly requestCount: number;
  readonly closedBy: CloseReason | null;
  readonly batch: BatchDurations;
  readonly failed: boolean;
}

export class RecordingObserver implements SchedulingObserver {
  queuedCount = 0;
  readonly successes: SuccessFact[] = [];
  readonly failures: FailureFact[] = [];
  readonly batches: BatchFact[] = [];

  requestQueued(): void {
    this.queuedCount++;
  }

  requestSucceeded(totalNs: number, queueNs: number, batch: BatchDurations, rows: number): void {
    this.successes.push({ totalNs, queueNs, batch, rows });
  }

  requestFailed(totalNs: number, reason: FailureReason, wasQueued: boolean): void {
    this.failures.push({ totalNs, reason, wasQueued });
  }

  batchExecuted(
    rows: number,
    requestCount: number,
    closedBy: CloseReason | null,
    batch: BatchDurations,
    failed: boolean,
  ): void {
    this.batches.push({ rows, requestCount, closedBy, batch, failed });
  }

  get closeReasons(): readonly (CloseReason | null)[] {
    return this.batches.map((batch) => batch.closedBy);
  }

  get failureReasons(): readonly FailureReason[] {
    return this.failures.map((failure) => failure.reason);
  }
}
