/** Takes the body of a request in the pieces in which it arrives. */

export interface BodySink {
  /** The bytes from `from` to `end` are the next ones of the body. They hold until this returns, so they have to be copied. */
  add(bytes: Buffer, from: number, end: number): void;
  /** Nothing more will come. Not called when the connection breaks before. */
  end(): void;
  /**
   * The rest is for nobody: the request has its answer, or its connection is gone. Called once, also behind the end, and
   * nothing is called after it.
   */
  dropped?(): void;
}
