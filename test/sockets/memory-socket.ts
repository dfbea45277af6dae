/** A socket that exists only in memory: keeps what is written to it and takes it at once, or when a test says so. */

import { Duplex } from 'node:stream';

export class MemorySocket extends Duplex {
  /** A copy of each write that was taken, in order: one entry for each call that a kernel would see. */
  readonly writes: Buffer[] = [];
  /** While true, writes wait until `takeAll`. */
  isSlow = false;
  /** Whether the other side has seen the end. */
  isEnded = false;
  #waiting: { readonly parts: readonly Buffer[]; readonly done: (error?: Error | null) => void }[] = [];

  constructor() {
    super({ decodeStrings: false });
  }

  get written(): Buffer {
    return Buffer.concat(this.writes);
  }

  /** Takes everything that waits, and what follows from that. */
  takeAll(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      // As a kernel would: the bytes are looked at now, whatever they were when they were written.
      this.writes.push(Buffer.concat(next.parts));
      next.done();
    }
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#accept([chunk], done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#accept(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: () => void): void {
    this.isEnded = true;
    done();
  }

  #accept(parts: readonly Buffer[], done: (error?: Error | null) => void): void {
    this.#waiting.push({ parts, done });
    if (!this.isSlow) this.takeAll();
  }
}
