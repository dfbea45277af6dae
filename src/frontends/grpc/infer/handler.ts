/** Unary ModelInfer: one request message in, one response message out. */

import { cancelled, type InferenceError, invalidArgument, unimplemented } from '../../../errors.ts';
import type { ResponseSink } from '../../../inference/infer.ts';
import type { InferenceResponse } from '../../../inference/response.ts';
import type { Logger } from '../../../logger.ts';
import type { InferenceServer } from '../../../server/inference-server.ts';
import { shownText } from '../../../shown-text.ts';
import type { Clock } from '../../../time.ts';
import type { SliceQueue } from '../../slice-queue.ts';
import { selectHeaders } from './forwarded-headers.ts';
import type { InferenceRequest } from '../../../inference/request.ts';
import { decodeInferRequest, decodingWork, InferDecoding, modelOfCostly } from './request-codec.ts';
import { classifyingWork, InferResponseMessage, hasLongClassification, type ResponsePlace } from './response-codec.ts';
import { type IsLeaving, leavingError } from '../leaving.ts';
import { inferenceService } from '../wire/protocol.ts';
import type { UnaryCall, UnaryMethod } from '../transport/transport.ts';

/** The dependencies of both infer rpcs. */
export interface InferDependencies {
  readonly server: InferenceServer;
  readonly clock: Clock;
  /** For work that is too long for one turn of the event loop. */
  readonly slices: SliceQueue;
  readonly logger: Logger;
  readonly isLeaving: IsLeaving;
  readonly headerForwardPattern: RegExp | null;
  /** Larger responses are refused. */
  readonly maxMessageBytes: number;
}

export const inferMethod = (dependencies: InferDependencies): UnaryMethod => {
  const { server, slices, isLeaving, headerForwardPattern } = dependencies;
  return {
    kind: 'unary',
    path: `/${inferenceService}/ModelInfer`,
    isCompressible: true,
    handle(message, call) {
      try {
        if (isLeaving()) throw leavingError();
        const costly = modelOfCostly(message);
        const headers = selectHeaders(call, headerForwardPattern);
        if (costly === null) {
          const request = decodeInferRequest(message, headers);
          const decodedBytes = request.heldBytes - message.length;
          call.reserve(decodedBytes, decodedBytes);
          infer(request, call);
        } else {
          const decoding = new InferDecoding(message, headers, (bytes, all) => call.reserve(bytes, all));
          server.findModel(costly.name, costly.version).then(() => readLater(decoding, call), failing(call));
        }
      } catch (error) {
        call.fail(error);
      }
    },
  };

  function readLater(decoding: InferDecoding, call: UnaryCall): void {
    slices.add(decodingWork, () => decode(decoding, call));
  }

  /** Reads a large request in slices, so that other requests are served in between. */
  function decode(decoding: InferDecoding, call: UnaryCall): void {
    if (call.cancellation.cancelled) {
      // Its message is no longer read.
      call.fail(cancelled('the caller has left'));
      return;
    }
    try {
      const request = decoding.turn();
      if (request === null) readLater(decoding, call);
      else infer(request, call);
    } catch (error) {
      call.fail(error);
    }
  }

  function infer(request: InferenceRequest, call: UnaryCall): void {
    server.infer(request, call, new UnarySink(call, dependencies));
  }
};

const failing =
  (call: UnaryCall) =>
  (error: unknown): void =>
    call.fail(error);

/** Answers one call with the one response of its request. */
class UnarySink implements ResponseSink {
  readonly #call: UnaryCall;
  readonly #dependencies: InferDependencies;
  /** There is more than one response: refused when the request has ended, because its bytes are read until then. */
  #hasSeveral = false;

  constructor(call: UnaryCall, dependencies: InferDependencies) {
    this.#call = call;
    this.#dependencies = dependencies;
  }

  next(response: InferenceResponse, isFinal: boolean): void {
    const call = this.#call;
    if (!isFinal || this.#hasSeveral) {
      response.release();
      this.#hasSeveral = true;
      if (isFinal) call.fail(severalResponses(response.modelName));
      return;
    }
    if (hasLongClassification(response)) this.#dependencies.slices.add(classifyingWork, () => this.#classify(response));
    else this.#respond(response);
  }

  #classify(response: InferenceResponse): void {
    if (!this.#call.cancellation.cancelled) {
      this.#respond(response);
      return;
    }
    response.release();
    this.fail(cancelled('the caller has left'));
  }

  #respond(response: InferenceResponse): void {
    const call = this.#call;
    try {
      call.respond(responseMessage(response, 'unary', this.#dependencies.maxMessageBytes));
    } catch (error) {
      call.fail(error);
    }
  }

  fail(error: InferenceError): void {
    this.#call.fail(error);
  }
}

/** Triton's sentence for models whose requests have any number of responses. */
const severalResponses = (model: string): InferenceError =>
  unimplemented(
    `ModelInfer RPC doesn't support models with decoupled transaction policy; use ModelStreamInfer for model '${shownText(model)}'`,
  );

/** @throws InferenceError when it cannot be sent; the response is released then. */
export function responseMessage(
  response: InferenceResponse,
  place: ResponsePlace,
  maxMessageBytes: number,
): InferResponseMessage {
  const message = new InferResponseMessage(response, place);
  if (message.byteLength <= maxMessageBytes) return message;
  message.discard();
  throw invalidArgument(
    `Response has byte size ${message.byteLength} which exceeds gRPC's byte size limit ${maxMessageBytes}.`,
  );
}
