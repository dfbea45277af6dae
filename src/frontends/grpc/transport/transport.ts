/**
 * The interface between rpc methods and transports. A transport speaks HTTP/2 and gRPC framing, knows nothing of
 * inference and calls the methods of a table; methods know nothing of sockets. grpc-js is one transport.
 */

import type { InferenceContext } from '../../../inference/context.ts';
import type { GrpcConfig } from '../../../server/server-config.ts';
import type { Listening, ListeningSocket } from '../../frontend.ts';

/** How a call ends. Code 0 is OK. */
export interface GrpcStatus {
  readonly code: number;
  readonly message: string;
}

/**
 * A message to be sent, whose size is known before its bytes are made: the transport reserves `byteLength` bytes after
 * the frame's prefix, and the message writes itself there. A Buffer is such a message.
 *
 * `copy` may rely on the five bytes of the frame prefix being written right before `at`.
 *
 * The transport calls `copy` or `pieces` at most once and `discard` when it is done with the message, sent or not; the maker
 * of the message releases its resources at the first of the two.
 */
export interface OutgoingMessage {
  readonly byteLength: number;
  copy(target: Buffer, at: number): unknown;
  discard?(): void;
  /**
   * Bytes of contents that may be sent from where they lie, so that they are not copied; absent, or 0, where there are
   * none.
   */
  readonly placedBytes?: number;
  /**
   * Instead of `copy`: writes everything but those contents, and returns the message as pieces: the written bytes, from
   * the start of `target` on, and the contents between them. They are valid until `discard`.
   */
  pieces?(target: Buffer, at: number): Buffer[];
}

/** One call as its method sees it. `deadlineMs` and `receivedAtMs` are on the server's clock. */
export interface CallContext extends InferenceContext {
  /**
   * Reserves memory in the budget for the decoded form of a message. It is released when the call ends, or by
   * `release`.
   *
   * @param decodedBytes All that is reserved for this message, with these bytes.
   * @throws InferenceError `resource_exhausted` when there is not enough.
   */
  reserve(bytes: number, decodedBytes: number): void;
  /** Counts memory that was taken already, without a limit. Released likewise. */
  hold(bytes: number): void;
  /** Releases the memory of a message that has its answer. Does nothing after the call has ended. */
  release(bytes: number): void;
  /**
   * Checks that there is room to keep an answer until the caller takes it.
   *
   * @param requestBytes Bytes that its request has reserved.
   * @throws InferenceError `resource_exhausted` when answers that clients do not read have taken all memory.
   */
  checkAnswer(bytes: number, requestBytes: number): void;
  /** The first value of that metadata key (lower case), or null. */
  metadataValue(key: string): string | null;
  /** All text metadata in no particular order; binary (`-bin`) keys are left out. */
  metadataEntries(): Iterable<readonly [key: string, value: string]>;
}

/** A call with one request message, as its method sees it. It takes the first answer and ignores later ones. */
export interface UnaryCall extends CallContext {
  respond(message: OutgoingMessage): void;
  /** Anything thrown; an `InferenceError` becomes its status. */
  fail(error: unknown): void;
}

export interface UnaryMethod {
  readonly kind: 'unary';
  /** `/package.Service/Method` */
  readonly path: string;
  /** Whether the configured response compression applies. */
  readonly isCompressible: boolean;
  /** Whether parts of a message are read after its answer: then its memory is not used again. */
  readonly keepsMessage?: boolean | undefined;
  /**
   * Answers the call now or later, and never throws.
   *
   * @param message One whole message, owned by the method until it has answered, or for ever if it `keepsMessage`.
   */
  handle(message: Buffer, call: UnaryCall): void;
}

/** A stream of messages each way, as its method sees it. Calls after the end, from either side, do nothing. */
export interface StreamCall extends CallContext {
  /** Asks for one message or the half-close. Never ask twice for one. */
  read(): void;
  /** Sends in order. `onWritten` is called once the bytes were sent; not after the call has ended. */
  send(message: OutgoingMessage, onWritten: (() => void) | null): void;
  finish(status: GrpcStatus): void;
}

/** The side of the method of a stream. The transport calls `open` of the method first and nothing after `finish`. */
export interface MessageReceiver {
  /**
   * One whole message, owned by the receiver.
   *
   * @param reservedBytes Bytes that it has reserved: to be released by `StreamCall.release` when it has its answer.
   */
  onMessage(message: Buffer, reservedBytes: number): void;
  /** The caller sends no more. */
  onHalfClose(): void;
  /** The server is shutting down: answer accepted messages, then finish. */
  onDrain(): void;
}

export interface StreamMethod {
  readonly kind: 'stream';
  readonly path: string;
  readonly isCompressible: boolean;
  /** `call.cancellation` reports that the caller has left. */
  open(call: StreamCall): MessageReceiver;
}

export type GrpcMethod = UnaryMethod | StreamMethod;

export interface GrpcTransport {
  /**
   * Listens on the socket, or at the configured address when there is none. Rejects with a sentence that names the
   * address when it cannot be bound.
   */
  start(methods: readonly GrpcMethod[], config: GrpcConfig, socket: ListeningSocket | null): Promise<Listening>;
}
