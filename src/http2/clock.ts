/**
 * The clock that this room needs; an interface of its own, so that the room can be tested without waiting and published
 * alone.
 */

export interface Http2Clock {
  /** Monotonic milliseconds. */
  now(): number;
  /**
   * Calls `fire` once, not before `atMs`, and returns a function that prevents the call. Does not keep the process
   * alive.
   */
  schedule(atMs: number, fire: () => void): () => void;
}
