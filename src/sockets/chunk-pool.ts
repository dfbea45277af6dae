/**
 * Blocks that small frames are written into. A connection takes one when it has something to say and gives it back when the
 * kernel has the bytes, which on a healthy connection is within the same turn: so a few blocks serve any number of
 * connections, and idle ones hold nothing.
 */

export const chunkBytes = 32 * 1024;

const maxIdleChunks = 64;

export class ChunkPool {
  readonly #idle: Buffer[] = [];

  take(): Buffer {
    return this.#idle.pop() ?? Buffer.allocUnsafeSlow(chunkBytes);
  }

  /** Only a chunk that nobody looks at any more. */
  giveBack(chunk: Buffer): void {
    if (this.#idle.length < maxIdleChunks) this.#idle.push(chunk);
  }
}
