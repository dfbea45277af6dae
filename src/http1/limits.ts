/** Limits for one client. Each number has its reason; tests in test/http1 check them. */

export interface Http1Limits {
  /** The request line and all headers together. Beyond it the request is answered with 431. */
  readonly maxHeadBytes: number;
  /** Chunk extensions of one body; nobody needs any, and each byte of them costs more than one of the body. */
  readonly maxExtensionBytes: number;
  /** The headers behind a chunked body. */
  readonly maxTrailerBytes: number;
  /** Requests of one connection without an answer. Beyond it nothing more is read until one of them has its answer. */
  readonly maxPipelined: number;
  /** What waits for the client to read its socket. Beyond it nothing more is read from the client. */
  readonly maxUnsentBytes: number;
  /**
   * What an answer is taken for before one of the connection is known. Requests whose answers would be more than
   * `maxUnsentBytes` are not read.
   */
  readonly expectedAnswerBytes: number;
  /** From the first byte of a head to its last, before 408. */
  readonly headTimeoutMs: number;
  /** From the first byte of a head to the last of the body, before 408. */
  readonly requestTimeoutMs: number;
  /** Without a request; the connection is closed without a word, as clients expect. */
  readonly idleTimeoutMs: number;
  /** A socket that takes nothing for so long while something waits for it is closed. */
  readonly stallTimeoutMs: number;
  /** How long a connection is read on behind its last answer, so that the answer is not lost to a reset. */
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
  // Longer than load balancers keep theirs, so that it is they who close idle connections.
  idleTimeoutMs: 75_000,
  stallTimeoutMs: 60_000,
  lingerMs: 1000,
};
