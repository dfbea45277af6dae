/**
 * The slow-request log: a line for each request that takes longer than a limit, with its time in the queue and in the
 * steps of its batch (`--log-slow-requests-ms`).
 */

import type { InferenceError } from '../../errors.ts';
import { type InferenceContext, TimedContext } from '../../inference/context.ts';
import type { ResponseSink } from '../../inference/infer.ts';
import type { InferenceResponse } from '../../inference/response.ts';
import type { Logger } from '../../logger.ts';
import type { AdmittedRequest } from '../../scheduling/admission/admitted-request.ts';
import { loggedId } from '../logged-id.ts';
import type { AdmittedInfer, VersionFacts, VersionInterceptor } from '../../scheduling/version-interceptor.ts';
import type { Clock } from '../../time.ts';

interface SlowLogTools {
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
}

/** @param limitMs requests that take longer are logged; 0 for none: then there is no interceptor */
export const slowRequestLog = (limitMs: number, tools: SlowLogTools): VersionInterceptor | null =>
  limitMs === 0 ? null : (version, next) => new SlowRequestLog(limitMs, tools, version, next);

class SlowRequestLog implements AdmittedInfer {
  readonly #limitMs: number;
  readonly #tools: SlowLogTools;
  readonly #version: VersionFacts;
  readonly #next: AdmittedInfer;

  constructor(limitMs: number, tools: SlowLogTools, version: VersionFacts, next: AdmittedInfer) {
    this.#limitMs = limitMs;
    this.#tools = tools;
    this.#version = version;
    this.#next = next;
  }

  schedule(request: AdmittedRequest, context: InferenceContext, sink: ResponseSink): void {
    const timed = new TimedCall(this, request.id, context, sink);
    this.#next.schedule(request, timed, timed);
  }

  ended({ receivedAtMs, timings, requestId, caller }: TimedCall, outcome: string): void {
    const ms = this.#tools.clock.now() - receivedAtMs;
    if (ms <= this.#limitMs) return;
    const { modelName, modelVersion } = this.#version;
    this.#tools.logger.warn(
      {
        model: modelName,
        version: modelVersion,
        requestId,
        client: caller?.address,
        outcome,
        ms: rounded(ms),
        queueMs: rounded(timings.queueNs / 1e6),
        inputMs: rounded(timings.computeInputNs / 1e6),
        inferMs: rounded(timings.computeInferNs / 1e6),
        outputMs: rounded(timings.computeOutputNs / 1e6),
        batchRows: timings.batchRows,
        batchRequests: timings.batchRequests,
      },
      `slow request: took more than ${this.#limitMs} ms`,
    );
  }
}

/** A request with room for its timings; the context and the sink that the scheduler gets. */
class TimedCall extends TimedContext implements ResponseSink {
  readonly requestId: string;
  readonly #log: SlowRequestLog;
  readonly #sink: ResponseSink;

  constructor(log: SlowRequestLog, requestId: string, context: InferenceContext, sink: ResponseSink) {
    super(context);
    this.#log = log;
    this.#sink = sink;
    this.requestId = loggedId(requestId);
  }

  next(response: InferenceResponse, isFinal: boolean): void {
    if (isFinal) this.#log.ended(this, 'ok');
    this.#sink.next(response, isFinal);
  }

  fail(error: InferenceError): void {
    this.#log.ended(this, error.code);
    this.#sink.fail(error);
  }
}

const rounded = (ms: number): number => Math.round(ms * 1000) / 1000;
