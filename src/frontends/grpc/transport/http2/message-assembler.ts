/**
 * Length-prefixed messages (gRPC over HTTP/2, "Length-Prefixed-Message") from pieces of any size. A message in several
 * pieces is assembled once, in its final place; a large one gets its memory as it grows. Received bytes are reserved in
 * the budget, so an announcement costs nothing.
 */

import { type InferenceError, resourceExhausted } from '../../../../errors.ts';
import { readUint32 } from '../../../../http2/frame-format.ts';
import type { StreamConnection } from '../../../../http2/stream.ts';
import { copyReceived } from '../../../../sockets/copy-received.ts';
import { type MessageMemory, maxPooledBytes } from '../../../message-pool.ts';

export const prefixBytes = 5;

/**
 * Messages up to this are received within the windows and are not counted; larger ones need a reservation of the
 * connection.
 */
const freeBytes = 64 * 1024;

/** Messages up to this get all their memory with their first byte. */
const firstRoomBytes = 8 * 1024 * 1024;

export class MessageAssembler {
  /** The compressed flag of the current message. */
  flag = 0;
  readonly #connection: Pick<StreamConnection, 'intake'>;
  readonly #maxBytes: number;
  readonly #pool: MessageMemory;
  readonly #prefix = new Uint8Array(prefixBytes);
  #prefixSeen = 0;
  #length = 0;
  #message: Buffer | null = null;
  #filled = 0;
  #reserved = 0;
  /** The block in which the message lies; null before its first byte. */
  #block: Buffer | null = null;
  /** Bytes that the message has reserved in the budget. */
  #budgetBytes = 0;

  constructor(connection: Pick<StreamConnection, 'intake'>, maxBytes: number, pool: MessageMemory) {
    this.#connection = connection;
    this.#maxBytes = maxBytes;
    this.#pool = pool;
  }

  /** Bytes of the current message that have not arrived. */
  get missingBytes(): number {
    return this.#prefixSeen < prefixBytes ? prefixBytes - this.#prefixSeen : this.#length - this.#filled;
  }

  /** True while a large message is being received: its bytes are reserved and need no window. */
  get isReserved(): boolean {
    return this.#reserved > 0;
  }

  get isEmpty(): boolean {
    return this.#prefixSeen === 0;
  }

  /**
   * Takes bytes up to the end of the current message and returns the position after them. `takeMessage` has the message
   * when it is complete.
   *
   * @throws InferenceError `resource_exhausted` for a message that is too large, or for which there is no memory now.
   */
  push(bytes: Buffer, from: number, end: number): number {
    let at = from;
    while (this.#prefixSeen < prefixBytes) {
      if (at === end) return at;
      this.#prefix[this.#prefixSeen++] = bytes[at++] as number;
      if (this.#prefixSeen === prefixBytes) this.#begin();
    }
    const taken = Math.min(this.#length - this.#filled, end - at);
    if (taken === 0) return at;
    if (this.#filled + taken > this.#budgetBytes) this.#reserve(this.#filled + taken);
    const message = this.#room(this.#filled + taken);
    copyReceived(bytes, at, at + taken, message, this.#filled);
    this.#filled += taken;
    if (this.#reserved > 0) this.#connection.intake.assembled(taken);
    return at + taken;
  }

  /** The complete message, owned by the caller from now on; null while it is incomplete. */
  takeMessage(): Buffer | null {
    if (this.#prefixSeen < prefixBytes || this.#filled < this.#length) return null;
    const message = this.#message ?? Buffer.alloc(0);
    this.drop();
    return message;
  }

  /** A large message stays reserved until the caller calls `releaseAssembly` with the returned number. */
  handOverReservation(): number {
    const reserved = this.#reserved;
    this.#reserved = 0;
    return reserved;
  }

  /** Bytes that the complete message has reserved, which the caller releases from now on. */
  handOverBudget(): number {
    const { budget } = this.#pool;
    // The block may be larger than the message.
    const held = Math.max(this.#budgetBytes, this.#block?.length ?? 0);
    budget.add(held - this.#budgetBytes);
    this.#budgetBytes = 0;
    return held;
  }

  /**
   * The block with the current message, which the caller returns to the pool; null when the message has no bytes.
   */
  handOverBlock(): Buffer | null {
    const block = this.#block;
    this.#block = null;
    return block;
  }

  /** Drops an incomplete message and its reservation. */
  drop(): void {
    if (this.#block !== null) this.#pool.giveBack(this.#block);
    this.#block = null;
    this.#pool.budget.release(this.#budgetBytes);
    this.#budgetBytes = 0;
    if (this.#reserved > 0) this.#connection.intake.releaseAssembly(this.#reserved, this.#length - this.#filled);
    this.#reserved = 0;
    this.#prefixSeen = 0;
    this.#message = null;
    this.#length = 0;
    this.#filled = 0;
  }

  #begin(): void {
    this.flag = this.#prefix[0] as number;
    this.#length = readUint32(this.#prefix, 1);
    if (this.#length > this.#maxBytes) throw tooLarge(this.#length, this.#maxBytes);
    const { budget } = this.#pool;
    if (budget.isTooLarge(this.#length)) throw budget.tooLarge(this.#length);
    if (this.#length <= freeBytes) return;
    if (!this.#connection.intake.tryAssemble(this.#length)) {
      throw resourceExhausted(
        `a message of ${this.#length} bytes has to wait until others of its connection have arrived; try again`,
      );
    }
    this.#reserved = this.#length;
  }

  /** @throws InferenceError `resource_exhausted` when the budget has no memory for the received bytes. */
  #reserve(filled: number): void {
    const { budget } = this.#pool;
    const wanted = Math.min(this.#length, Math.max(freeBytes, filled * 2));
    const more = wanted - this.#budgetBytes;
    if (!budget.reserveMessage(more, this.#budgetBytes)) throw budget.exhausted(more);
    this.#budgetBytes = wanted;
  }

  /**
   * Memory of an ordinary message, or memory that is there already, is taken at once, so that each byte is copied once.
   * Else it grows as bytes arrive, because an announced length proves nothing: in one step to what the pool uses again,
   * then by doubling. More steps below that would leave blocks of several sizes in the pool, and no room there for the
   * one that the next message can use.
   */
  #room(bytes: number): Buffer {
    const message = this.#message;
    if (message !== null && message.length >= bytes) return message;
    const length = this.#length;
    if (message === null) {
      return this.#keep(this.#pool.reuse(length) ?? this.#pool.take(Math.min(length, Math.max(bytes, firstRoomBytes))));
    }
    const wanted = Math.min(length, Math.max(bytes, maxPooledBytes, message.length * 2));
    return this.#keep(this.#pool.grow(this.#block as Buffer, wanted, this.#filled));
  }

  /** The part of the block that the message may fill. */
  #keep(block: Buffer): Buffer {
    this.#block = block;
    this.#message = block.length > this.#length ? block.subarray(0, this.#length) : block;
    return this.#message;
  }
}

export const tooLarge = (length: number, maxBytes: number): InferenceError =>
  resourceExhausted(`Received message larger than max (${length} vs ${maxBytes})`);
