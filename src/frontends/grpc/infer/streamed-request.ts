/** A request of a gRPC stream: its context, its sink, and its place in the list of requests that are not answered yet. */

import { Cancellation, type InferenceContext } from '../../../inference/context.ts';
import type { InferenceError } from '../../../errors.ts';
import type { ResponseSink } from '../../../inference/infer.ts';
import type { InferenceRequest } from '../../../inference/request.ts';
import type { InferenceResponse } from '../../../inference/response.ts';
import type { OutgoingMessage, StreamCall } from '../transport/transport.ts';

/** The stream that sends the answers of its requests. */
export interface RequestStream {
  respond(streamed: StreamedRequest, response: InferenceResponse, isFinal: boolean): void;
  /** @param message the request if it could not be decoded; its id is searched for in it */
  fail(streamed: StreamedRequest, error: unknown, message: Buffer | null): void;
}

export class StreamedRequest implements InferenceContext, ResponseSink {
  readonly receivedAtMs: number;
  readonly deadlineMs: number;
  readonly cancellation = new Cancellation();
  /** Null until it is decoded, and for a message that cannot be. */
  request: InferenceRequest | null = null;
  /** Budget of the request, then of its answer until it is sent. */
  reservedBytes: number;
  /** The answer while it waits for earlier requests. */
  answer: OutgoingMessage | null = null;
  /** In strict mode, the error that ends the stream when its turn comes. */
  failure: InferenceError | null = null;
  /** It has several responses, which do not wait for earlier requests. */
  isUnordered = false;
  /** Its final answer was sent out of order. */
  isAnswered = false;
  following: StreamedRequest | null = null;
  readonly caller: InferenceContext['caller'];
  readonly connection: number;
  readonly #stream: RequestStream;

  constructor(
    stream: RequestStream,
    receivedAtMs: number,
    { deadlineMs, caller, connection }: StreamCall,
    reservedBytes: number,
  ) {
    this.#stream = stream;
    this.receivedAtMs = receivedAtMs;
    this.deadlineMs = deadlineMs;
    this.caller = caller;
    this.connection = connection ?? 0;
    this.reservedBytes = reservedBytes;
  }

  next(response: InferenceResponse, isFinal: boolean): void {
    this.#stream.respond(this, response, isFinal);
  }

  fail(error: InferenceError): void {
    this.#stream.fail(this, error, null);
  }
}
