/** Limits of what a connection receives: the window of all its streams, and the memory of large messages. */

import { ConnectionError, errorCode } from './error-code.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { Http2Limits } from './limits.ts';

export class ConnectionIntake {
  readonly #writer: FrameWriter;
  readonly #limits: Http2Limits;
  #window: number;
  #creditBytes = 0;
  #assembledBytes = 0;
  #missingBytes = 0;

  constructor(writer: FrameWriter, limits: Http2Limits) {
    this.#writer = writer;
    this.#limits = limits;
    this.#window = limits.connectionWindowBytes;
  }

  /** What messages have of `tryAssemble`. */
  get assembledBytes(): number {
    return this.#assembledBytes;
  }

  /** What is still to come of these messages. */
  get missingBytes(): number {
    return this.#missingBytes;
  }

  /** @throws ConnectionError for more than the window. */
  arrive(bytes: number): void {
    this.#window -= bytes;
    if (this.#window < 0) {
      throw new ConnectionError(errorCode.flowControlError, 'more DATA than the window of the connection');
    }
  }

  /** The window opens by this, when enough has come together. */
  credit(bytes: number): void {
    this.#creditBytes += bytes;
    if (this.#creditBytes < this.#limits.connectionWindowBytes / 4) return;
    this.#window += this.#creditBytes;
    this.#writer.windowUpdate(0, this.#creditBytes);
    this.#creditBytes = 0;
  }

  /**
   * Asks for memory for a message that is put together over several reads; false when this connection has enough of that
   * already. Whoever got it calls `releaseAssembly`.
   */
  tryAssemble(bytes: number): boolean {
    if (this.#assembledBytes > 0 && this.#assembledBytes + bytes > this.#limits.maxAssembledBytes) return false;
    this.#assembledBytes += bytes;
    this.#missingBytes += bytes;
    return true;
  }

  /** So many bytes of such a message have come. */
  assembled(bytes: number): void {
    this.#missingBytes -= bytes;
  }

  /** @param missingBytes Of the message, what has not come and is waited for no more. */
  releaseAssembly(bytes: number, missingBytes = 0): void {
    this.#assembledBytes -= bytes;
    this.#missingBytes -= missingBytes;
  }
}
