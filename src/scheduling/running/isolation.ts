/**
 * Decides what to do after a failed batch. An engine gives one error for all requests of a batch, so each request is
 * tried again alone, once: the faulty one fails and the others are answered. If batches of a model fail again and again
 * although each of their requests succeeds alone, the model cannot batch, because a row count is fixed in its graph;
 * this is detected here.
 */

import type { EngineResult } from '../../engine/engine.ts';
import type { ErrorCode, InferenceError } from '../../errors.ts';

/** Batches that may fail in a row without a request that fails alone, before the model is run one request at a time. */
const maxBlamelessFailures = 3;

/** Errors that are no fault of a request: all callers have left, or the machine is short of memory or time. */
const withoutCulprit: readonly ErrorCode[] = ['cancelled', 'resource_exhausted', 'unavailable', 'deadline_exceeded'];

/**
 * Whether the requests of a failed batch may be run again. The addon, which runs a batch a second time when it
 * predicted the shape of an output wrongly, obeys the first half of the rule too: a run with effects is never repeated.
 */
export const mayRunAgain = (result: EngineResult, error: InferenceError): boolean =>
  !result.hadEffects && !withoutCulprit.includes(error.code);

const release = (): void => undefined;

/** For an engine that threw instead of answering. */
export const failedResult = (error: InferenceError): EngineResult => ({
  error,
  outputs: [],
  inputNs: 0,
  inferNs: 0,
  outputNs: 0,
  hadEffects: false,
  release,
});

export class Isolation {
  #loneCount = 0;
  /** Batches of several requests that failed since one succeeded or a culprit was found. */
  #blamelessFailures = 0;

  /** A unique key, so that its request shares no batch. */
  loneKey(): string {
    this.#loneCount++;
    return `alone ${this.#loneCount}`;
  }

  /** A batch of several requests succeeded. */
  batchSucceeded(): void {
    this.#blamelessFailures = 0;
  }

  /** A request failed alone. */
  culpritFound(): void {
    this.#blamelessFailures = 0;
  }

  /** A batch of several requests failed. Returns true when batches of this model are of no use. */
  batchFailed(): boolean {
    this.#blamelessFailures++;
    return this.#blamelessFailures > maxBlamelessFailures;
  }
}
