/** Limits for one client. Each number has its reason; tests in test/http1 check them. */

export interface Http1Limits {
  /** The request line and all headers together. Beyond it the request is answered with 431. */
  readonly maxHeadBytes: number;
  /** Chunk extensions of one body; clients do not need them, and they cost more per byte than the body. */
  readonly maxExtensionBytes: number;
  /** The headers behind a chunked body. */
  readonly maxTrailerBytes: number;
  /** Requests of one connection without an answer. Beyond it nothing more is read until one of them has its answer. */
  readonly maxPipelined: number;
  /** Bytes that wait for the client to read its socket. Beyond it nothing more is read from the client. */
  readonly maxUnsentBytes: number;
  /**
   * The expected size of an answer before the first one of the connection. Reading stops when the expected answers exceed
   * `maxUnsentBytes`.
   */
  readonly expectedAnswerBytes: number;
  /** From the first byte of a head to its last, before 408. */
  readonly headTimeoutMs: number;
  /** From the first byte of a head to the last of the body, before 408. */
  readonly requestTimeoutMs: number;
  /** Time without a request; then the connection is closed without an answer, as clients expect. */
  readonly idleTimeoutMs: number;
  /** A socket that takes no bytes for so long while some wait for it is closed. */
  readonly stallTimeoutMs: number;
  /** The same while memory is short: answers that nobody takes are a large part of it then. */
  readonly shortStallTimeoutMs: number;
  /** How long a connection is still read after its last answer, so that the answer is not lost to a reset. */
  readonly lingerMs: number;
}

export const defaultLimits: Http1Limits = {
  maxHeadBytes: 16 * 1024,
  maxExtensionBytes: 16 * 1024,
  maxTrailerBytes: 16 * 1024,
  maxPipelined: 128,
  maxUnsentBytes: 4 * 1024 * 1024,
  expectedAnswerBytes: 1024 * 1024,
  headTimeoutMs: 60_000,
  requestTimeoutMs: 300_000,
  // Longer than the idle timeout of load balancers, so that they close idle connections and not the server.
  idleTimeoutMs: 75_000,
  stallTimeoutMs: 60_000,
  shortStallTimeoutMs: 5000,
  lingerMs: 1000,
};
