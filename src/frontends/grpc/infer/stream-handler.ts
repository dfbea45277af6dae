/**
 * ModelStreamInfer: each message is a request of its own and is handed on as soon as it is read. Answers are sent in
 * the order of the requests, except those of a request with several responses, which are sent as they come. A failed
 * request is answered in the stream. Reading pauses while one caller has too many requests outstanding (backpressure).
 */

import { toInferenceError } from '../../../errors.ts';
import { noConnection } from '../../../inference/connection-accounts.ts';
import type { InferenceRequest } from '../../../inference/request.ts';
import type { InferenceResponse } from '../../../inference/response.ts';
import { shownMessage } from '../../error-status.ts';
import { selectHeaders } from './forwarded-headers.ts';
import { type InferDependencies, responseMessage } from './handler.ts';
import { decodeInferRequest, decodingWork, InferDecoding, modelOfCostly, requestIdOf } from './request-codec.ts';
import { classifyingWork, encodeStreamError, hasLongClassification } from './response-codec.ts';
import { type RequestStream, StreamedRequest } from './streamed-request.ts';
import { type SharingStream, type StreamShare, StreamShares } from './stream-share.ts';
import { leavingError, leavingText } from '../leaving.ts';
import { inferenceService } from '../wire/protocol.ts';
import { okStatus, statusCode, statusOf } from '../transport/status.ts';
import type { MessageReceiver, OutgoingMessage, StreamCall, StreamMethod } from '../transport/transport.ts';

/**
 * Bytes of requests that were read and whose answers were not sent, counting each as large as the largest message seen on
 * the stream. One is always read. Their number is bounded for the connection; see `stream-share.ts`.
 */
const maxOutstandingBytes = 64 * 1024 * 1024;

/** Metadata `triton_grpc_error: true`: the first error ends the stream with its status. */
const strictKey = 'triton_grpc_error';

const path = `/${inferenceService}/ModelStreamInfer`;

export function streamInferMethod(dependencies: InferDependencies): StreamMethod {
  const shares = new StreamShares();
  return { kind: 'stream', path, isCompressible: true, open: (call) => new InferStream(call, dependencies, shares) };
}

class InferStream implements MessageReceiver, RequestStream, SharingStream {
  readonly #call: StreamCall;
  readonly #dependencies: InferDependencies;
  readonly #headers: ReturnType<typeof selectHeaders>;
  readonly #isStrict: boolean;
  readonly #shares: StreamShares;
  readonly #share: StreamShare;
  #first: StreamedRequest | null = null;
  #last: StreamedRequest | null = null;
  #outstanding = 0;
  #largestBytes = 0;
  #isReading = false;
  #isHalfClosed = false;
  #isEnded = false;

  constructor(call: StreamCall, dependencies: InferDependencies, shares: StreamShares) {
    this.#call = call;
    this.#dependencies = dependencies;
    this.#shares = shares;
    this.#share = shares.open(call.connection ?? noConnection);
    this.#headers = selectHeaders(call, dependencies.headerForwardPattern);
    this.#isStrict = call.metadataValue(strictKey) === 'true';
    call.cancellation.add(() => this.#end());
    this.read();
  }

  onMessage(message: Buffer, reservedBytes: number): void {
    const { server, clock, isLeaving } = this.#dependencies;
    this.#isReading = false;
    this.#grow(message.length);
    const streamed = new StreamedRequest(this, clock.now(), this.#call, reservedBytes);
    this.#append(streamed);
    try {
      if (isLeaving()) throw leavingError();
      const costly = modelOfCostly(message);
      if (costly === null) {
        const request = decodeInferRequest(message, this.#headers);
        const decodedBytes = request.heldBytes - message.length;
        this.#reserve(streamed, decodedBytes, decodedBytes);
        this.#infer(streamed, request);
      } else {
        const decoding = new InferDecoding(message, this.#headers, (bytes, all) => this.#reserve(streamed, bytes, all));
        const isThere = server.findModel(costly.name, costly.version);
        isThere.then(
          () => this.#decode(streamed, decoding),
          (error: unknown) => this.fail(streamed, error, message),
        );
      }
    } catch (error) {
      this.fail(streamed, error, message);
    }
    this.read();
  }

  /** Reads a large request, and lets others go on in between. */
  #decode(streamed: StreamedRequest, decoding: InferDecoding): void {
    if (this.#isEnded) return;
    try {
      const request = decoding.turn();
      if (request === null) this.#dependencies.slices.add(decodingWork, () => this.#decode(streamed, decoding));
      else this.#infer(streamed, request);
    } catch (error) {
      this.fail(streamed, error, decoding.message);
    }
  }

  #infer(streamed: StreamedRequest, request: InferenceRequest): void {
    streamed.request = request;
    this.#dependencies.server.infer(request, streamed, streamed);
  }

  onHalfClose(): void {
    this.#isReading = false;
    this.#isHalfClosed = true;
    this.#finishIfDone();
  }

  onDrain(): void {
    this.#finishIfDone();
  }

  /** A response of one of its requests. */
  respond(streamed: StreamedRequest, response: InferenceResponse, isFinal: boolean): void {
    // Responses of one request stay in order.
    if (isFinal && !streamed.isUnordered && hasLongClassification(response)) {
      this.#dependencies.slices.add(classifyingWork, () => this.#respond(streamed, response, true));
    } else this.#respond(streamed, response, isFinal);
  }

  #respond(streamed: StreamedRequest, response: InferenceResponse, isFinal: boolean): void {
    if (this.#isEnded || streamed.isAnswered || streamed.failure !== null) {
      response.release();
      return;
    }
    if (!isFinal) streamed.isUnordered = true;
    try {
      const message = responseMessage(
        response,
        isFinal ? 'streamFinal' : 'streamPart',
        this.#dependencies.maxMessageBytes,
      );
      this.#checkRoom(streamed, message);
      if (isFinal) this.#settle(streamed, message);
      else this.#call.send(message, null);
    } catch (error) {
      this.fail(streamed, error, null);
      // The caller has its error; further responses of the model would not be sent.
      if (!isFinal) streamed.cancellation.cancel();
    }
  }

  fail(streamed: StreamedRequest, error: unknown, message: Buffer | null): void {
    if (this.#isEnded || streamed.isAnswered) return;
    const known = toInferenceError(error);
    if (known !== error) {
      this.#dependencies.logger.error({ method: path, error }, 'a request of a gRPC stream failed unexpectedly');
    }
    if (this.#isStrict) {
      streamed.failure = known;
      this.#flush();
      return;
    }
    const { request } = streamed;
    // A client that has got responses waits for the one that is marked as final, whatever ends the request.
    const isFromModel =
      streamed.isUnordered ||
      known.code === 'internal' ||
      known.code === 'deadline_exceeded' ||
      known.code === 'cancelled';
    const model = request !== null && isFromModel ? { name: request.modelName, version: request.modelVersion } : null;
    const id = request?.id ?? (message === null ? '' : requestIdOf(message));
    this.#settle(streamed, encodeStreamError(shownMessage(known.message || known.code), id, model));
  }

  /** @throws InferenceError `resource_exhausted`; the message is discarded then. */
  #checkRoom(streamed: StreamedRequest, message: OutgoingMessage): void {
    try {
      this.#call.checkAnswer(message.byteLength, streamed.reservedBytes);
    } catch (error) {
      message.discard?.();
      throw error;
    }
  }

  /** @throws InferenceError `resource_exhausted` */
  #reserve(streamed: StreamedRequest, bytes: number, decodedBytes: number): void {
    this.#call.reserve(bytes, decodedBytes);
    streamed.reservedBytes += bytes;
  }

  #release(streamed: StreamedRequest): void {
    this.#call.release(streamed.reservedBytes);
    streamed.reservedBytes = 0;
  }

  /** An answer that has to wait is encoded at once: to hold the response would hold slabs of the engine. */
  #settle(streamed: StreamedRequest, answer: OutgoingMessage): void {
    this.#grow(answer.byteLength);
    this.#release(streamed);
    if (streamed.isUnordered) {
      streamed.isAnswered = true;
      this.#call.send(answer, this.#onWritten);
    } else if (streamed === this.#first || Buffer.isBuffer(answer)) {
      streamed.answer = answer;
    } else {
      const written = Buffer.allocUnsafe(answer.byteLength);
      answer.copy(written, 0);
      streamed.answer = written;
      this.#call.hold(written.length);
      streamed.reservedBytes = written.length;
    }
    this.#flush();
  }

  #flush(): void {
    while (this.#first !== null && !this.#isEnded) {
      const { answer, failure, isAnswered } = this.#first;
      if (failure !== null) {
        this.#call.finish(statusOf(failure, path, this.#dependencies.logger));
        this.#end();
        return;
      }
      if (answer === null && !isAnswered) return;
      this.#release(this.#first);
      this.#first = this.#first.following;
      if (this.#first === null) this.#last = null;
      if (answer !== null) this.#call.send(answer, this.#onWritten);
    }
    this.#finishIfDone();
  }

  /** One function for all messages of the stream. */
  readonly #onWritten = (): void => {
    if (this.#isEnded) return;
    this.#outstanding--;
    this.#share.remove(1);
    this.read();
  };

  read(): void {
    if (this.#isReading || this.#isHalfClosed || this.#isEnded) return;
    if (this.#outstanding > 0) {
      if (this.#outstanding * this.#largestBytes >= maxOutstandingBytes) return;
      if (this.#share.isFull) {
        this.#share.wait(this);
        return;
      }
    }
    this.#isReading = true;
    this.#call.read();
  }

  #finishIfDone(): void {
    if (this.#isEnded || this.#first !== null) return;
    if (this.#isHalfClosed) this.#call.finish(okStatus);
    else if (this.#dependencies.isLeaving()) this.#call.finish({ code: statusCode.unavailable, message: leavingText });
    else return;
    this.#end();
  }

  /** Discards answers that were not sent. */
  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (let streamed = this.#first; streamed !== null; streamed = streamed.following) {
      streamed.answer?.discard?.();
      streamed.cancellation.cancel();
    }
    this.#first = null;
    this.#last = null;
    this.#share.forget(this);
    this.#share.remove(this.#outstanding);
    this.#shares.close(this.#call.connection ?? noConnection, this.#share);
  }

  #append(streamed: StreamedRequest): void {
    if (this.#last === null) this.#first = streamed;
    else this.#last.following = streamed;
    this.#last = streamed;
    this.#outstanding++;
    this.#share.add();
  }

  #grow(bytes: number): void {
    if (bytes > this.#largestBytes) this.#largestBytes = bytes;
  }
}
