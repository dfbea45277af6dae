/**
 * Blocks into which small frames are written. A connection takes a block when it has something to send and returns it
 * when the kernel has the bytes, on a healthy connection in the same turn. So a few blocks serve any number of
 * connections, and idle connections hold none.
 */

export const chunkBytes = 32 * 1024;

const maxIdleChunks = 64;

export class ChunkPool {
  readonly #idle: Buffer[] = [];

  take(): Buffer {
    return this.#idle.pop() ?? Buffer.allocUnsafeSlow(chunkBytes);
  }

  /** Only a chunk that is no longer read. */
  giveBack(chunk: Buffer): void {
    if (this.#idle.length < maxIdleChunks) this.#idle.push(chunk);
  }
}
