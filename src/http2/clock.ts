/** Time as this room needs it, so that it can be tested without waiting and published alone. */

export interface Http2Clock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Calls `fire` once, not before `atMs`, and returns what prevents it. Does not keep the process alive. */
  schedule(atMs: number, fire: () => void): () => void;
}
