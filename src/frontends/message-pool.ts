/**
 * Where request messages get their memory. That of large ones is used again and again: fresh memory of the size of an image
 * costs the kernel more than the copy that goes into it (each page is cleared when it is first touched). A block is taken for
 * a message and comes back when its call was answered well; whoever was cut off may still be read by an instance, so those
 * blocks are left to the collector.
 */

import type { Clock } from '../time.ts';

/** Blocks are powers of two between these; smaller messages are cheap to allocate, larger ones are rare. */
const smallestBits = 16;
const largestBits = 23;

export const maxPooledBytes: number = 2 ** largestBits;

/** Of blocks that wait for their next use. */
const maxIdleBytes = 32 * 1024 * 1024;

/** How long blocks wait for their next use, at least. */
const trimMs = 5000;

/**
 * Where a frontend puts the messages that it receives: all of them, so that whoever wants them in other memory gives it
 * another one of these.
 */
export interface MessageMemory {
  /** A block of at least that many bytes, with anything in it. `bytes` is at most `maxPooledBytes`. */
  take(bytes: number): Buffer;
  /** Only a block of `take` that nobody reads or writes any more. */
  giveBack(block: Buffer): void;
  /** Exactly so many bytes, with anything in them, that never come back: for what is smaller or larger than a block. */
  allocate(bytes: number): Buffer;
}

export class MessagePool implements MessageMemory {
  readonly #clock: Clock | null;
  readonly #idle: Buffer[][] = Array.from({ length: largestBits + 1 }, () => []);
  #idleBytes = 0;
  #wasUsed = false;
  #isTrimming = false;

  /** @param clock by which it trims itself; null leaves that to the owner. */
  constructor(clock: Clock | null = null) {
    this.#clock = clock;
  }

  take(bytes: number): Buffer {
    this.#wasUsed = true;
    if (this.#clock !== null && !this.#isTrimming) this.#trimLater(this.#clock);
    const bits = Math.max(smallestBits, 32 - Math.clz32(bytes - 1));
    const block = (this.#idle[bits] as Buffer[]).pop();
    if (block === undefined) return Buffer.allocUnsafeSlow(2 ** bits);
    this.#idleBytes -= block.length;
    return block;
  }

  giveBack(block: Buffer): void {
    if (this.#idleBytes + block.length > maxIdleBytes) return;
    this.#idleBytes += block.length;
    (this.#idle[31 - Math.clz32(block.length)] as Buffer[]).push(block);
  }

  allocate(bytes: number): Buffer {
    return Buffer.allocUnsafe(bytes);
  }

  /** Called now and then: what was not needed since the last time is let go. Returns whether anything is left. */
  trim(): boolean {
    if (!this.#wasUsed) {
      for (const blocks of this.#idle) blocks.length = 0;
      this.#idleBytes = 0;
    }
    this.#wasUsed = false;
    return this.#idleBytes > 0;
  }

  #trimLater(clock: Clock): void {
    this.#isTrimming = true;
    clock.schedule(clock.now() + trimMs, () => {
      this.#isTrimming = false;
      if (this.trim()) this.#trimLater(clock);
    });
  }
}
