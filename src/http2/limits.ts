/** Limits for one peer. Each number has its reason; tests in test/e2e/http2-abuse.test.ts check them. */

export interface Http2Limits {
  /** SETTINGS_MAX_CONCURRENT_STREAMS. Clients keep what is beyond it to themselves. */
  readonly maxConcurrentStreams: number;
  /** Receive window of a stream: a tensor of an image in one go. */
  readonly streamWindowBytes: number;
  /** Receive window of a connection: what all its streams may have on the way and not yet taken. */
  readonly connectionWindowBytes: number;
  /** SETTINGS_MAX_HEADER_LIST_SIZE, counted as RFC 7541, section 4.1 does. A larger list is answered with 431. */
  readonly maxHeaderListBytes: number;
  /** Of one block before it is decoded; beyond it the connection ends, since its table can no longer be right. */
  readonly maxHeaderBlockBytes: number;
  /** CONTINUATION frames of one block. */
  readonly maxContinuations: number;
  /**
   * Large messages that are on their way may announce so much together; a single one may be larger. Memory is touched as
   * bytes come, so what is only announced costs nothing.
   */
  readonly maxAssembledBytes: number;
  /** What waits for the peer to open its windows. Beyond it new streams are refused. */
  readonly maxHeldBytes: number;
  /** What waits for the peer to read its socket. Beyond it nothing more is read from the peer. */
  readonly maxUnsentBytes: number;
  /** Frames that bring no work, in a burst and per second; each new stream makes good for some of them. */
  readonly idleFrameBurst: number;
  readonly idleFramesPerSecond: number;
  /** Streams that the peer resets before they were answered, in a burst and per second. */
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
  /** Until the preface and the first SETTINGS are there, and for one header block. */
  readonly handshakeTimeoutMs: number;
  /** A connection that takes nothing for so long while something waits for its socket or its windows is closed. */
  readonly stallTimeoutMs: number;
  /** PING after so long without a byte from the peer. */
  readonly keepaliveTimeMs: number;
  /** The connection is closed when that PING brings nothing for so long. */
  readonly keepaliveTimeoutMs: number;
  /** The connection is asked to end after so long (with up to a tenth more or less); Infinity for never. */
  readonly maxConnectionAgeMs: number;
  /** Streams get so long after that; Infinity for as long as they need. */
  readonly maxConnectionAgeGraceMs: number;
}

export const defaultLimits: Http2Limits = {
  maxConcurrentStreams: 1024,
  streamWindowBytes: 1024 * 1024,
  connectionWindowBytes: 16 * 1024 * 1024,
  maxHeaderListBytes: 16 * 1024,
  maxHeaderBlockBytes: 64 * 1024,
  maxContinuations: 64,
  maxAssembledBytes: 1024 * 1024 * 1024,
  maxHeldBytes: 64 * 1024 * 1024,
  maxUnsentBytes: 4 * 1024 * 1024,
  // A Go client measures round trips with a PING for each; on one machine that can be thousands a second.
  idleFrameBurst: 10_000,
  idleFramesPerSecond: 2000,
  // A service whose deadlines pass resets what it has in flight.
  resetBurst: 4096,
  resetsPerSecond: 500,
  handshakeTimeoutMs: 8000,
  stallTimeoutMs: 120_000,
  keepaliveTimeMs: 7_200_000,
  keepaliveTimeoutMs: 20_000,
  maxConnectionAgeMs: Infinity,
  maxConnectionAgeGraceMs: Infinity,
};
