/** Counts and times the answers of one load run, and says whether connections should go on sending. */

import { type InferCase, outputDifference } from './infer-case.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { closedLoop, type Pace } from './pace.ts';

export interface Checking {
  readonly checkEvery: number;
  readonly tolerance: number;
}

export class LoadRecorder {
  readonly latencies = new LatencyHistogram();
  readonly #cases: readonly InferCase[];
  readonly #checking: Checking;
  readonly #pace: Pace;
  #isSending = true;
  #succeeded = 0;
  #failed = 0;
  #checked = 0;
  #firstFailure: string | null = null;
  #untilCheck = 1;
  #nextCase = 0;
  #limit = Number.POSITIVE_INFINITY;
  #onLimit: () => void = () => {};

  constructor(cases: readonly InferCase[], checking: Checking, pace: Pace = closedLoop) {
    this.#cases = cases;
    this.#checking = checking;
    this.#pace = pace;
  }

  get isSending(): boolean {
    return this.#isSending;
  }

  get counts(): { succeeded: number; failed: number; checked: number; firstFailure: string | null } {
    return {
      succeeded: this.#succeeded,
      failed: this.#failed,
      checked: this.#checked,
      firstFailure: this.#firstFailure,
    };
  }

  /** When the next request was due, which is when its latency begins; null while none is due. Takes it. */
  takeDue(nowMs: number): number | null {
    return this.#isSending ? this.#pace.takeDue(nowMs) : null;
  }

  /** Index of the case to ask next. */
  takeCase(): number {
    const index = this.#nextCase;
    this.#nextCase = index + 1 === this.#cases.length ? 0 : index + 1;
    return index;
  }

  /** Starts the window: counts from zero, but for failures, which are never forgotten. */
  openWindow(maxRequests: number, onLimit: () => void): void {
    this.#succeeded = 0;
    this.#checked = 0;
    this.latencies.clear();
    this.#limit = maxRequests;
    this.#onLimit = onLimit;
  }

  stopSending(): void {
    this.#isSending = false;
  }

  /** True when the answer that is about to be reported must come with its output bytes. */
  get wantsOutput(): boolean {
    return this.#untilCheck === 1;
  }

  /** An answer of status OK. `output` may be null unless `wantsOutput`. */
  succeed(startMs: number, caseIndex: number, output: Uint8Array | null): void {
    this.#untilCheck -= 1;
    if (this.#untilCheck === 0) {
      this.#untilCheck = this.#checking.checkEvery;
      const { expected } = this.#cases[caseIndex];
      if (expected !== null) {
        const difference =
          output === null ? 'an answer without OUTPUT' : outputDifference(output, expected, this.#checking.tolerance);
        this.#checked += 1;
        if (difference !== null) {
          this.fail(difference);
          return;
        }
      }
    }
    this.latencies.record((performance.now() - startMs) * 1000);
    this.#succeeded += 1;
    if (this.#succeeded === this.#limit) this.#onLimit();
  }

  /** A request that got no good answer. */
  fail(reason: string): void {
    this.#failed += 1;
    this.#firstFailure ??= reason;
  }
}
