/** Limits for one peer. Each number has its reason; tests in test/e2e/http2-abuse.test.ts check them. */

export interface Http2Limits {
  /** SETTINGS_MAX_CONCURRENT_STREAMS. Clients queue further requests themselves. */
  readonly maxConcurrentStreams: number;
  /** Receive window of a stream: large enough for the tensor of an image. */
  readonly streamWindowBytes: number;
  /** Receive window of a connection: bytes of all its streams that were sent and not yet taken. */
  readonly connectionWindowBytes: number;
  /**
   * SETTINGS_MAX_FRAME_SIZE. A client that follows it (all on gRPC's C core: C++, Python, Ruby, C#) sends a large
   * tensor in fewer frames, each of which costs as much as some kilobytes. It holds for DATA, whose content is taken as
   * it comes. Other frames are put together first, and have at most 16 KiB.
   */
  readonly maxFrameBytes: number;
  /** SETTINGS_MAX_HEADER_LIST_SIZE, counted as RFC 7541, section 4.1 does. A larger list is answered with 431. */
  readonly maxHeaderListBytes: number;
  /** The size of a block before decoding; beyond it the connection ends, since its table is no longer valid. */
  readonly maxHeaderBlockBytes: number;
  /** The most CONTINUATION frames of one block. */
  readonly maxContinuations: number;
  /**
   * The announced bytes of all incomplete large messages; a single one may be larger. Memory is touched as bytes
   * arrive, so an announcement costs nothing.
   */
  readonly maxAssembledBytes: number;
  /** Bytes that wait for the peer to open its windows. Beyond it new streams are refused. */
  readonly maxHeldBytes: number;
  /** Bytes that wait for the peer to read its socket. Beyond it nothing more is read from the peer. */
  readonly maxUnsentBytes: number;
  /** Frames without work, in a burst and per second; each new stream allows some more. */
  readonly idleFrameBurst: number;
  readonly idleFramesPerSecond: number;
  /** Streams that the peer resets before they are answered, in a burst and per second. */
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
  /** The time for the preface and the first SETTINGS, and for one header block. */
  readonly handshakeTimeoutMs: number;
  /** A connection that takes no bytes for so long while some wait for its socket or its windows is closed. */
  readonly stallTimeoutMs: number;
  /** The same while memory is short: answers that nobody takes are a large part of it then. */
  readonly shortStallTimeoutMs: number;
  /** PING after so long without a byte from the peer. */
  readonly keepaliveTimeMs: number;
  /** The connection is closed when that PING is not answered for so long. */
  readonly keepaliveTimeoutMs: number;
  /** The connection is asked to end after so long (with up to a tenth more or less); Infinity for never. */
  readonly maxConnectionAgeMs: number;
  /** Streams have so long to end after that; Infinity for no limit. */
  readonly maxConnectionAgeGraceMs: number;
}

export const defaultLimits: Http2Limits = {
  maxConcurrentStreams: 1024,
  streamWindowBytes: 1024 * 1024,
  connectionWindowBytes: 16 * 1024 * 1024,
  maxFrameBytes: 256 * 1024,
  maxHeaderListBytes: 16 * 1024,
  maxHeaderBlockBytes: 64 * 1024,
  maxContinuations: 64,
  maxAssembledBytes: 1024 * 1024 * 1024,
  maxHeldBytes: 64 * 1024 * 1024,
  maxUnsentBytes: 4 * 1024 * 1024,
  // A Go client measures round trips with a PING for each; on one machine that can be thousands a second.
  idleFrameBurst: 10_000,
  idleFramesPerSecond: 2000,
  // A client whose deadlines pass resets all its calls in flight.
  resetBurst: 4096,
  resetsPerSecond: 500,
  handshakeTimeoutMs: 8000,
  stallTimeoutMs: 120_000,
  shortStallTimeoutMs: 5000,
  keepaliveTimeMs: 7_200_000,
  keepaliveTimeoutMs: 20_000,
  maxConnectionAgeMs: Infinity,
  maxConnectionAgeGraceMs: Infinity,
};
