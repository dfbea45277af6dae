/**
 * Makes the responses of a successful batch. They share the slabs of the batch; the release of the last response
 * returns the slabs.
 */

import type { EngineResult } from '../../engine/engine.ts';
import { noParameters, type Parameters } from '../../inference/request.ts';
import type { InferenceResponse, OutputTensor } from '../../inference/response.ts';
import type { Answers } from './answers.ts';
import type { Batch } from './batch.ts';
import type { QueuedRequest } from '../queue/queued-request.ts';
import type { OutputTarget } from './output-target.ts';
import { Scatter, type ScatterPlan } from './scatter.ts';

/** Counts the responses that still have views of a result, in memory of the engine or in the target of the batch. */
class SharedResult {
  readonly #result: EngineResult;
  readonly #target: OutputTarget | null;
  #viewers: number;

  /** @param viewers responses that will be made, at least one */
  constructor(result: EngineResult, target: OutputTarget | null, viewers: number) {
    this.#result = result;
    this.#target = target;
    this.#viewers = viewers;
  }

  leave(): void {
    this.#viewers--;
    if (this.#viewers > 0) return;
    this.#result.release();
    this.#target?.release();
  }
}

/** The model and version in the answers; one object for all responses of a version. */
export interface ResponseIdentity {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly isBatched: boolean;
}

class BatchResponse implements InferenceResponse {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string;
  readonly parameters: Parameters = noParameters;
  readonly outputs: readonly OutputTensor[];
  readonly isBatched: boolean;
  readonly isShared: boolean;
  #shared: SharedResult | null;

  constructor(
    identity: ResponseIdentity,
    id: string,
    outputs: readonly OutputTensor[],
    shared: SharedResult,
    isShared: boolean,
  ) {
    this.modelName = identity.modelName;
    this.modelVersion = identity.modelVersion;
    this.id = id;
    this.outputs = outputs;
    this.isBatched = identity.isBatched;
    this.isShared = isShared;
    this.#shared = shared;
  }

  release(): void {
    const shared = this.#shared;
    this.#shared = null;
    shared?.leave();
  }
}

/** Answers every caller who still waits for this batch. There is at least one, and the outputs were checked. */
export function answerBatch(
  batch: Batch,
  result: EngineResult,
  plan: ScatterPlan,
  identity: ResponseIdentity,
  answers: Answers,
  nowMs: number,
): void {
  const { requests } = batch;
  const scatter = new Scatter(plan, result, requests, batch.rows);
  const shared = new SharedResult(result, batch.target, batch.liveCount);
  batch.target = null;
  let firstRow = 0;
  for (let i = 0; i < requests.length; i++) {
    const request = requests[i] as QueuedRequest;
    if (request.state === 'running') {
      const outputs = scatter.outputsFor(request, i, firstRow);
      answers.succeed(
        request,
        new BatchResponse(identity, request.request.id, outputs, shared, requests.length > 1),
        nowMs,
      );
    }
    firstRow += request.rows;
  }
}
