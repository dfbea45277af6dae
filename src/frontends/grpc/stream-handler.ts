/**
 * ModelStreamInfer: each message is a request of its own and is handed on as soon as it is read; answers leave in the
 * order of the requests; a failed request is answered in the stream (grpc.md §6). Reading pauses while more is
 * outstanding than one caller should be able to hold.
 */

import { toInferenceError } from '../../errors.ts';
import { Cancellation } from '../../inference/context.ts';
import type { InferenceRequest } from '../../inference/request.ts';
import type { InferenceResponse } from '../../inference/response.ts';
import { parametersWith, selectHeaders } from './forwarded-headers.ts';
import { type InferDependencies, responseMessage } from './infer-handler.ts';
import { decodeInferRequest, requestIdOf } from './infer-request-codec.ts';
import { encodeStreamError } from './infer-response-codec.ts';
import { leavingError, leavingText } from './leaving.ts';
import { inferenceService } from './protocol.ts';
import { okStatus, statusCode, statusOf } from './status.ts';
import type { OutgoingMessage, StreamCall, StreamMethod, StreamReceiver } from './transport.ts';

/** Requests that were read and whose answers have not left; several times what a load tester keeps in flight. */
const maxOutstanding = 1024;

/** The same in bytes, counting each as large as the largest message seen on the stream. One is always read. */
const maxOutstandingBytes = 64 * 1024 * 1024;

/** Metadata `triton_grpc_error: true`: the first error ends the stream with its status. */
const strictKey = 'triton_grpc_error';

const path = `/${inferenceService}/ModelStreamInfer`;

export const streamInferMethod = (dependencies: InferDependencies): StreamMethod => ({
  kind: 'stream',
  path,
  isCompressible: true,
  open: (call) => new InferStream(call, dependencies),
});

/** One request of the stream, in the list of those not yet answered. */
interface Pending {
  readonly cancellation: Cancellation;
  /** Set when it is decided and those before it are not. */
  answer: OutgoingMessage | null;
  /** In strict mode, what ends the stream when its turn comes. */
  failure: unknown;
  next: Pending | null;
}

class InferStream implements StreamReceiver {
  readonly #call: StreamCall;
  readonly #dependencies: InferDependencies;
  readonly #headers: ReturnType<typeof selectHeaders>;
  readonly #isStrict: boolean;
  #first: Pending | null = null;
  #last: Pending | null = null;
  #outstanding = 0;
  #largestBytes = 0;
  #isReading = false;
  #isHalfClosed = false;
  #isEnded = false;

  constructor(call: StreamCall, dependencies: InferDependencies) {
    this.#call = call;
    this.#dependencies = dependencies;
    this.#headers = selectHeaders(call, dependencies.headerForwardPattern);
    this.#isStrict = call.metadataValue(strictKey) === 'true';
    call.cancellation.onCancel(() => this.#end());
    this.#read();
  }

  onMessage(message: Buffer): void {
    this.#isReading = false;
    this.#grow(message.length);
    const pending: Pending = { cancellation: new Cancellation(), answer: null, failure: null, next: null };
    this.#append(pending);
    let request: InferenceRequest | null = null;
    try {
      if (this.#dependencies.isLeaving()) throw leavingError();
      request = decodeInferRequest(message, parametersWith(this.#headers));
      this.#infer(request, pending);
    } catch (error) {
      this.#fail(pending, request, error, message);
    }
    this.#read();
  }

  onHalfClose(): void {
    this.#isReading = false;
    this.#isHalfClosed = true;
    this.#finishIfDone();
  }

  onDrain(): void {
    this.#finishIfDone();
  }

  #infer(request: InferenceRequest, pending: Pending): void {
    const { server, clock, maxMessageBytes } = this.#dependencies;
    const context = {
      receivedAtMs: clock.now(),
      deadlineMs: this.#call.deadlineMs,
      cancellation: pending.cancellation,
    };
    server.infer(request, context).then(
      (response) => this.#answer(pending, request, response, maxMessageBytes),
      (error) => this.#fail(pending, request, error),
    );
  }

  #answer(pending: Pending, request: InferenceRequest, response: InferenceResponse, maxMessageBytes: number): void {
    if (this.#isEnded) {
      response.release();
      return;
    }
    try {
      this.#settle(pending, responseMessage(response, true, maxMessageBytes));
    } catch (error) {
      this.#fail(pending, request, error);
    }
  }

  /** `message` where there is no request: the id is looked for in it. */
  #fail(pending: Pending, request: InferenceRequest | null, error: unknown, message: Buffer | null = null): void {
    if (this.#isEnded) return;
    const known = toInferenceError(error);
    if (known !== error) {
      this.#dependencies.logger.error({ method: path, error }, 'a request of a gRPC stream failed unexpectedly');
    }
    if (this.#isStrict) {
      pending.failure = known;
      this.#flush();
      return;
    }
    const isFromModel = known.code === 'internal' || known.code === 'deadline_exceeded' || known.code === 'cancelled';
    const model = request !== null && isFromModel ? { name: request.modelName, version: request.modelVersion } : null;
    const id = request?.id ?? (message === null ? '' : requestIdOf(message));
    this.#settle(pending, encodeStreamError(known.message || known.code, id, model));
  }

  /** An answer whose turn has not come is written down at once: holding the response would hold slabs of the engine. */
  #settle(pending: Pending, answer: OutgoingMessage): void {
    this.#grow(answer.byteLength);
    if (pending === this.#first || Buffer.isBuffer(answer)) {
      pending.answer = answer;
    } else {
      const written = Buffer.allocUnsafe(answer.byteLength);
      answer.copy(written, 0);
      pending.answer = written;
    }
    this.#flush();
  }

  #flush(): void {
    while (this.#first !== null && !this.#isEnded) {
      const { answer, failure } = this.#first;
      if (failure !== null) {
        this.#call.finish(statusOf(failure, path, this.#dependencies.logger));
        this.#end();
        return;
      }
      if (answer === null) return;
      this.#first = this.#first.next;
      if (this.#first === null) this.#last = null;
      this.#call.send(answer, this.#onWritten);
    }
    this.#finishIfDone();
  }

  /** One function for all messages of the stream. */
  readonly #onWritten = (): void => {
    this.#outstanding--;
    this.#read();
  };

  #read(): void {
    if (this.#isReading || this.#isHalfClosed || this.#isEnded) return;
    const isFull = this.#outstanding >= maxOutstanding || this.#outstanding * this.#largestBytes >= maxOutstandingBytes;
    if (isFull && this.#outstanding > 0) return;
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

  /** Nobody will read what is not answered yet. */
  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (let pending = this.#first; pending !== null; pending = pending.next) {
      pending.answer?.discard?.();
      pending.cancellation.cancel();
    }
    this.#first = null;
    this.#last = null;
  }

  #append(pending: Pending): void {
    if (this.#last === null) this.#first = pending;
    else this.#last.next = pending;
    this.#last = pending;
    this.#outstanding++;
  }

  #grow(bytes: number): void {
    if (bytes > this.#largestBytes) this.#largestBytes = bytes;
  }
}
