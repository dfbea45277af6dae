/** Takes the body of a request in the pieces in which it arrives. */

export interface BodyReceiver {
  /**
   * The bytes from `start` to `end` are the next ones of the body. They are valid until this returns, so they have to be
   * copied.
   */
  onData(bytes: Buffer, start: number, end: number): void;
  /** The body is complete. Not called when the connection breaks before. */
  onEnd(): void;
  /**
   * The rest of the body is not wanted: the request has its answer, or its connection is lost. Called once, also after
   * the end, and nothing is called after it.
   */
  onDropped?(): void;
}
