/** Takes the body of a request in the pieces in which it arrives. */

export interface BodySink {
  /** The bytes from `from` to `end` are the next ones of the body. They hold until this returns, so they have to be copied. */
  add(bytes: Buffer, from: number, end: number): void;
  /** Nothing more will come. Not called when the connection breaks before. */
  end(): void;
}
