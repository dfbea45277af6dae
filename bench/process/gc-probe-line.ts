/**
 * The line that the garbage collection probe writes and the bench reads. In a file of its own, because the probe acts
 * when it is loaded.
 */

export const gcLinePrefix = 'gc-probe ';

export interface GcRecord {
  /** Bytes of JavaScript objects made between the two signals. */
  readonly allocatedBytes: number;
  /** Buffers made outside of V8's heap by `Buffer` of the main thread; small ones share 8 KiB each. */
  readonly bufferCount: number;
  /** Slabs of the engine that were made for outputs, each with a buffer of its own. */
  readonly slabCount: number;
  readonly collections: number;
  /** Of the whole heap. They come from pressure, of objects or of memory outside of the heap. */
  readonly fullCollections: number;
  /** Time in which nothing else could run on the event loop, microseconds. */
  readonly pauseUs: number;
}
