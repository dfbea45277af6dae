/** Limits for the bytes that a connection receives: the window of all its streams, and the memory of large messages. */

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

  /** Bytes that messages have reserved by `tryAssemble`. */
  get assembledBytes(): number {
    return this.#assembledBytes;
  }

  /** Bytes of these messages that have not arrived. */
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

  /** Opens the window by so many bytes, once enough have accumulated. */
  credit(bytes: number): void {
    this.#creditBytes += bytes;
    if (this.#creditBytes < this.#limits.connectionWindowBytes / 4) return;
    this.#window += this.#creditBytes;
    this.#writer.windowUpdate(0, this.#creditBytes);
    this.#creditBytes = 0;
  }

  /**
   * Reserves memory for a message that is assembled over several reads; false when this connection has reserved too
   * much already. After true the caller calls `releaseAssembly`.
   */
  tryAssemble(bytes: number): boolean {
    if (this.#assembledBytes > 0 && this.#assembledBytes + bytes > this.#limits.maxAssembledBytes) return false;
    this.#assembledBytes += bytes;
    this.#missingBytes += bytes;
    return true;
  }

  /** So many bytes of such a message have arrived. */
  assembled(bytes: number): void {
    this.#missingBytes -= bytes;
  }

  /** @param missingBytes Bytes of the message that have not arrived and are no longer expected. */
  releaseAssembly(bytes: number, missingBytes = 0): void {
    this.#assembledBytes -= bytes;
    this.#missingBytes -= missingBytes;
  }
}
