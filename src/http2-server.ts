/**
 * `nereid/http2`: the HTTP/2 server by itself, for programs that serve something else than models. It takes sockets
 * that were accepted elsewhere and calls a handler for each request; one object per request, no streams of Node's. Its
 * API is this file, and it imports nothing of inference. Example: docs/examples/http2-server.mjs.
 */

import type { Duplex } from 'node:stream';
import type { HeaderField } from './http2/header-field.ts';
import type { Http2Limits } from './http2/limits.ts';
import { Http2Server as SocketServer } from './http2/server.ts';
import { systemClock } from './time.ts';

export { errorCode } from './http2/error-code.ts';
export { HeaderField, type HeaderIndexing } from './http2/header-field.ts';
export { defaultLimits, type Http2Limits } from './http2/limits.ts';

/** Receives the events of a request. Nothing is called after `onClosed`, and nothing after the answer has ended. */
export interface Http2RequestReceiver {
  /**
   * A piece of the request's body, never empty: bytes `start` to `end` of a buffer that is reused after the
   * call. Copy the bytes, then call `take` and `replenish`, or the peer's windows stay closed.
   */
  onData(bytes: Buffer, start: number, end: number): void;
  /** The request is complete. */
  onEnd(): void;
  /** The peer reset the stream, or the connection was lost, before the answer had ended. */
  onClosed(): void;
}

/** One request and its answer (RFC 9113, section 5). Bytes that are sent after the end of the answer are dropped. */
export interface Http2Request {
  /** The stream's number, odd. */
  readonly id: number;
  /** Receives the body and the end. Set in `onRequest`, unless the answer has ended by then. */
  receiver: Http2RequestReceiver | null;
  /** Address of the peer; '' when the connection is lost. */
  readonly peerAddress: string;
  /** `content-length`, or -1. A body of another length is refused with a reset. */
  readonly announcedBytes: number;
  /** The request is complete. */
  readonly isRemoteEnded: boolean;
  /** The answer has ended, or the stream was reset. */
  readonly isLocalEnded: boolean;
  /** The server has forgotten the stream. */
  readonly isClosed: boolean;
  /** @param fields `:status` first. @param isEnd The answer has no body and ends with these. */
  sendHeaders(fields: readonly HeaderField[], isEnd: boolean): void;
  /**
   * Sends a part of the body as the peer's windows open.
   *
   * @param bytes owned by the server from now on
   * @param onWritten called when the bytes were sent, for backpressure; not called when the stream is reset
   */
  sendData(bytes: Buffer, onWritten: (() => void) | null): void;
  /** Ends the answer with these bytes; at least one. */
  sendLastData(bytes: Buffer): void;
  /** Ends the answer with trailers. */
  sendTrailers(fields: readonly HeaderField[]): void;
  /** Resets the stream. Nothing is called on its receiver any more. @param code one of `errorCode` */
  reset(code: number): void;
  /** The handler has taken these received bytes: the window of the connection opens by them. */
  take(bytes: number): void;
  /** Opens the window of this request to its full size, less the bytes of it that are still held. */
  replenish(heldBytes: number): void;
}

export interface Http2RequestHandler {
  /**
   * A request begins.
   *
   * @param fields well formed, with `:method`, `:scheme` and `:path`; may be kept
   */
  onRequest(request: Http2Request, fields: readonly HeaderField[]): void;
  /** An unexpected exception, also of the handler. Its connection was ended; other connections are not affected. */
  onUnexpected(error: unknown): void;
}

/** Time as the server needs it; tests bring their own. */
export interface Http2ServerClock {
  /** Monotonic milliseconds. */
  now(): number;
  /**
   * Calls `fire` once, not before `atMs`, and returns a function that prevents the call. Does not keep the process
   * alive.
   */
  schedule(atMs: number, fire: () => void): () => void;
}

export interface Http2ServerOptions {
  /** Each has a default that withstands hostile peers: `defaultLimits`. */
  readonly limits?: Partial<Http2Limits>;
  /** Absent: the system clock. */
  readonly clock?: Http2ServerClock;
}

export interface Http2Server {
  readonly connectionCount: number;
  /**
   * Takes over a socket on which the peer speaks HTTP/2: a plain one by prior knowledge, of a listener with
   * `pauseOnConnect`, or one of TLS that agreed on `h2`.
   */
  accept(socket: Duplex): void;
  /** Asks all peers to end (GOAWAY), also later ones. Resolves when the last connection is closed. */
  leave(): Promise<void>;
  /** Cuts all connections. */
  destroy(): void;
}

export function createHttp2Server(handler: Http2RequestHandler, options: Http2ServerOptions = {}): Http2Server {
  return new SocketServer(handler, options.clock ?? systemClock, options.limits);
}
