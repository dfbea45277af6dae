/**
 * Collects the body of a request: of an announced length into memory of that size, where it stays; without a length
 * into a block that doubles. Memory is reserved in the budget as bytes arrive, so that an announcement costs nothing. A
 * body that is too large is dropped, but read to its end – up to `discardLimit` – so that the client reads the refusal.
 */

import type { InferenceError } from '../../../errors.ts';
import type { BodyReceiver } from '../../../http1/body-receiver.ts';
import { copyReceived } from '../../../sockets/copy-received.ts';
import { type MessageMemory, maxPooledBytes } from '../../message-pool.ts';
import type { ReceivedRequest } from './transport.ts';

const firstChunkedBytes = 64 * 1024;
/** Up to this a body reserves its whole length with its first byte. */
const smallBytes = 32 * 1024;
/** The reservation for the first byte of a larger body; later ones are twice the received bytes. */
const firstReservedBytes = 64 * 1024;

/** The largest body of a request, also with binary tensors (Triton's own bound is memory). */
export const maxBodyBytes = 2 ** 31 - 1;

export interface WholeBodyReceiver {
  /**
   * Called once, unless the connection breaks before the body is complete or the body is refused.
   *
   * @param body          null when it exceeded the limit.
   * @param block         contains the body and must be returned to the memory when it is no longer read; null without a body.
   * @param receivedBytes the announced length where there is one.
   * @param isComplete    false when the rest will not be read and the connection has to be closed after the answer.
   * @param reservedBytes reserved by the body; the receiver must release them.
   */
  onBody(
    body: Buffer | null,
    block: Buffer | null,
    receivedBytes: number,
    isComplete: boolean,
    reservedBytes: number,
  ): void;
  /**
   * Called instead when the budget has no memory for the body. The rest is read and dropped after the answer, so that
   * the client reads it.
   */
  onRefusedBody(error: InferenceError): void;
}

const empty: Buffer = Buffer.alloc(0);

export function receiveBody(
  request: ReceivedRequest,
  memory: MessageMemory,
  limitBytes: number,
  receiver: WholeBodyReceiver,
): void {
  const length = request.head.bodyBytes;
  const { budget } = memory;
  if (length === null) request.collect(new ChunkedBody(memory, limitBytes, receiver));
  else if (length === 0) receiver.onBody(empty, null, 0, true, 0);
  else if (length > discardLimit(limitBytes)) receiver.onBody(null, null, length, false, 0);
  else if (length > limitBytes) request.collect(new OversizedBody(length, receiver));
  else if (budget.isTooLarge(length)) receiver.onRefusedBody(budget.tooLarge(length));
  else request.collect(new AnnouncedBody(length, memory, receiver));
}

const discardLimit = (limitBytes: number): number => Math.max(limitBytes, maxBodyBytes);

/** A body with an announced length beyond the limit. */
class OversizedBody implements BodyReceiver {
  readonly #length: number;
  readonly #receiver: WholeBodyReceiver;
  #received = 0;

  constructor(length: number, receiver: WholeBodyReceiver) {
    this.#length = length;
    this.#receiver = receiver;
  }

  onData(_bytes: Buffer, start: number, end: number): void {
    this.#received += end - start;
    if (this.#received === this.#length) this.#receiver.onBody(null, null, this.#length, true, 0);
  }

  onEnd(): void {
    // The last byte was the end.
  }
}

/** A body that reserves memory in the budget while it arrives. */
abstract class CountedBody implements BodyReceiver {
  protected readonly memory: MessageMemory;
  protected readonly receiver: WholeBodyReceiver;
  protected block: Buffer | null = null;
  protected received = 0;
  protected reservedBytes = 0;

  constructor(memory: MessageMemory, receiver: WholeBodyReceiver) {
    this.memory = memory;
    this.receiver = receiver;
  }

  abstract onData(bytes: Buffer, start: number, end: number): void;
  abstract onEnd(): void;

  onDropped(): void {
    this.drop();
  }

  /** False when the body has been refused. */
  protected reserve(bytes: number): boolean {
    const { budget } = this.memory;
    const more = bytes - this.reservedBytes;
    if (!budget.reserveMessage(more, this.reservedBytes)) {
      this.refuse(budget.exhausted(more));
      return false;
    }
    this.reservedBytes = bytes;
    return true;
  }

  /** How much of the body the block can take. */
  protected get roomBytes(): number {
    return this.block === null ? 0 : this.block.length;
  }

  /** Takes memory for that many bytes of the body, of which `filled` have been received. */
  protected enlarge(bytes: number, filled: number): void {
    const { block, memory } = this;
    this.block = block === null ? memory.take(bytes) : memory.grow(block, bytes, filled);
  }

  /** Passes the body and its reservation to the receiver. */
  protected handOver(): void {
    const { block, reservedBytes } = this;
    this.block = null;
    this.reservedBytes = 0;
    // The block may be larger than the body.
    const unreserved = block === null ? 0 : Math.max(0, block.length - reservedBytes);
    if (unreserved > 0) this.memory.budget.add(unreserved);
    const body = block === null ? empty : block.subarray(0, this.received);
    this.receiver.onBody(body, block, this.received, true, reservedBytes + unreserved);
  }

  protected drop(): void {
    if (this.block !== null) this.memory.giveBack(this.block);
    this.block = null;
    this.memory.budget.release(this.reservedBytes);
    this.reservedBytes = 0;
  }

  protected refuse(error: InferenceError): void {
    this.drop();
    this.receiver.onRefusedBody(error);
  }
}

class AnnouncedBody extends CountedBody {
  readonly #length: number;

  constructor(length: number, memory: MessageMemory, receiver: WholeBodyReceiver) {
    super(memory, receiver);
    this.#length = length;
  }

  override onData(bytes: Buffer, start: number, end: number): void {
    const at = this.received;
    this.received = at + end - start;
    if (this.received > this.reservedBytes && !this.reserve(this.#wantedBytes())) return;
    if (this.received > this.roomBytes) this.enlarge(this.#wantedRoom(), at);
    copyReceived(bytes, start, end, this.block as Buffer, at);
    // The last byte is here: waiting for the end could cost another turn.
    if (this.received === this.#length) this.handOver();
  }

  override onEnd(): void {
    // No transport ends a body that is shorter than announced.
  }

  /** How much is reserved for what has been received. */
  #wantedBytes(): number {
    const length = this.#length;
    return length <= smallBytes ? length : Math.min(length, Math.max(firstReservedBytes, this.received * 2));
  }

  /** The memory of a very large body grows as it arrives, because an announced length proves nothing. */
  #wantedRoom(): number {
    return Math.min(this.#length, Math.max(maxPooledBytes, this.roomBytes * 2, this.received));
  }
}

class ChunkedBody extends CountedBody {
  readonly #limitBytes: number;
  #isOver = false;

  constructor(memory: MessageMemory, limitBytes: number, receiver: WholeBodyReceiver) {
    super(memory, receiver);
    this.#limitBytes = limitBytes;
  }

  override onData(bytes: Buffer, start: number, end: number): void {
    const { budget } = this.memory;
    const at = this.received;
    this.received = at + end - start;
    if (this.received > discardLimit(this.#limitBytes)) {
      this.drop();
      this.receiver.onBody(null, null, this.received, false, 0);
    } else if (this.received > this.#limitBytes) {
      this.#isOver = true;
      this.drop();
    } else if (budget.isTooLarge(this.received)) this.refuse(budget.tooLarge(this.received));
    else if (this.received <= this.roomBytes || this.#grow(at))
      copyReceived(bytes, start, end, this.block as Buffer, at);
  }

  override onEnd(): void {
    if (this.#isOver) this.receiver.onBody(null, null, this.received, true, 0);
    else this.handOver();
  }

  /**
   * Enlarges the block for the received bytes, of which `filled` are in the current one. False when the body has been
   * refused.
   */
  #grow(filled: number): boolean {
    const wanted = Math.min(this.#limitBytes, Math.max(firstChunkedBytes, this.roomBytes * 2, this.received));
    if (!this.reserve(wanted)) return false;
    this.enlarge(wanted, filled);
    return true;
  }
}
