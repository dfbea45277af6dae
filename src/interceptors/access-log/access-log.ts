/**
 * The access log: one line for each inference request when it has ended, with its caller, its id and its outcome
 * (`--log-requests`). Requests that cannot be decoded have no line; their callers get the error.
 */

import type { InferenceError } from '../../errors.ts';
import type { InferenceContext } from '../../inference/context.ts';
import type { Infer, Interceptor, ResponseSink } from '../../inference/infer.ts';
import type { InferenceRequest } from '../../inference/request.ts';
import type { InferenceResponse } from '../../inference/response.ts';
import type { Logger } from '../../logger.ts';
import { loggedId } from '../logged-id.ts';
import { tensorBytes } from '../../tensor/tensor-bytes.ts';
import type { Clock } from '../../time.ts';

export type LoggedRequests = 'none' | 'failed' | 'all';

interface AccessLogTools {
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
}

/** Null where nothing is to be logged. */
export const accessLog = (logged: LoggedRequests, tools: AccessLogTools): Interceptor | null =>
  logged === 'none'
    ? null
    : (next: Infer): Infer =>
        (request, context, sink) =>
          next(request, context, new LoggedCall(request, context, sink, logged === 'all', tools));

/** The sink of a request whose end is logged. Keeps only the parts of the request that the line contains. */
class LoggedCall implements ResponseSink {
  readonly #sink: ResponseSink;
  readonly #tools: AccessLogTools;
  readonly #isSuccessLogged: boolean;
  readonly #context: InferenceContext;
  readonly #model: string;
  readonly #requestId: string;
  readonly #inputBytes: number;
  #version: string;
  #outputBytes = 0;
  #responses = 0;

  constructor(
    request: InferenceRequest,
    context: InferenceContext,
    sink: ResponseSink,
    isSuccessLogged: boolean,
    tools: AccessLogTools,
  ) {
    this.#sink = sink;
    this.#tools = tools;
    this.#isSuccessLogged = isSuccessLogged;
    this.#context = context;
    this.#model = request.modelName;
    this.#version = request.modelVersion;
    this.#requestId = loggedId(request.id);
    this.#inputBytes = tensorBytes(request.inputs);
  }

  next(response: InferenceResponse, isFinal: boolean): void {
    this.#responses++;
    this.#version = response.modelVersion;
    this.#outputBytes += tensorBytes(response.outputs);
    if (isFinal && this.#isSuccessLogged) this.#write('ok', 'request answered');
    this.#sink.next(response, isFinal);
  }

  fail(error: InferenceError): void {
    this.#write(error.code, `request failed: ${error.message}`);
    this.#sink.fail(error);
  }

  #write(outcome: InferenceError['code'] | 'ok', message: string): void {
    const { clock, logger } = this.#tools;
    const { caller, receivedAtMs } = this.#context;
    logger.info(
      {
        protocol: caller?.protocol,
        client: caller?.address,
        model: this.#model,
        version: this.#version,
        requestId: this.#requestId,
        outcome,
        ms: Math.round((clock.now() - receivedAtMs) * 1000) / 1000,
        inputBytes: this.#inputBytes,
        outputBytes: this.#outputBytes,
        ...(this.#responses > 1 && { responses: this.#responses }),
      },
      message,
    );
  }
}
