/**
 * Collects the body of a request: of an announced length into memory of that size, where it stays; without a length into
 * a block that doubles. What is too large is not kept, but read to its end – up to
 * `discardLimit` – so that the client is in a state to read the refusal.
 */

import type { BodySink } from '../../http1/body-sink.ts';
import { type MessageMemory, maxPooledBytes } from '../message-pool.ts';
import type { ReceivedRequest } from './transport.ts';

/** Bodies announced longer than this get their memory as they arrive, so that an announcement alone costs nothing. */
const reservedBytes = 64 * 1024 * 1024;
const firstChunkedBytes = 64 * 1024;
/** Up to this a body gets its exact size: a block would be far larger, and slow clients could hold many. */
const smallBytes = 32 * 1024;

/** No body of a request may be larger than this whatever it is made of (Triton's own bound is memory). */
export const maxBodyBytes = 2 ** 31 - 1;

export interface BodyReceiver {
  /**
   * Called once, unless the connection breaks before the body is complete.
   *
   * @param body          null when it passed the limit.
   * @param block         what holds the body and may be given back to the memory when nobody reads it any more; or null.
   * @param receivedBytes the announced length where there is one.
   * @param isComplete    false when the rest will not be read and the connection has to be closed after the answer.
   */
  onBody(body: Buffer | null, block: Buffer | null, receivedBytes: number, isComplete: boolean): void;
}

const empty: Buffer = Buffer.alloc(0);

export function receiveBody(
  request: ReceivedRequest,
  memory: MessageMemory,
  limitBytes: number,
  receiver: BodyReceiver,
): void {
  const length = request.head.bodyBytes;
  if (length === null) request.collect(new ChunkedBody(memory, limitBytes, receiver));
  else if (length === 0) receiver.onBody(empty, null, 0, true);
  else if (length > discardLimit(limitBytes)) receiver.onBody(null, null, length, false);
  else request.collect(new AnnouncedBody(length, length <= limitBytes, memory, receiver));
}

const discardLimit = (limitBytes: number): number => Math.max(limitBytes, maxBodyBytes);

class AnnouncedBody implements BodySink {
  readonly #length: number;
  readonly #isKept: boolean;
  readonly #memory: MessageMemory;
  readonly #receiver: BodyReceiver;
  #body: Buffer | null = null;
  #block: Buffer | null = null;
  #received = 0;

  constructor(length: number, isKept: boolean, memory: MessageMemory, receiver: BodyReceiver) {
    this.#length = length;
    this.#isKept = isKept;
    this.#memory = memory;
    this.#receiver = receiver;
  }

  add(bytes: Buffer, from: number, end: number): void {
    const length = this.#length;
    const at = this.#received;
    this.#received = at + end - from;
    if (this.#isKept) bytes.copy(this.#room(), at, from, end);
    // The last byte is here: waiting for the end could cost another turn.
    if (this.#received === length) this.#receiver.onBody(this.#body, this.#block, length, true);
  }

  end(): void {
    // No transport lets a body end that is shorter than announced.
  }

  #room(): Buffer {
    const body = this.#body;
    if (body === null) {
      this.#body = this.#firstRoom();
      return this.#body;
    }
    if (this.#received <= body.length) return body;
    const grown = this.#memory.allocate(Math.min(Math.max(body.length * 2, this.#received), this.#length));
    body.copy(grown);
    this.#body = grown;
    return grown;
  }

  #firstRoom(): Buffer {
    const length = this.#length;
    if (length <= smallBytes || length > maxPooledBytes) return this.#memory.allocate(Math.min(length, reservedBytes));
    this.#block = this.#memory.take(length);
    return this.#block.subarray(0, length);
  }
}

class ChunkedBody implements BodySink {
  readonly #memory: MessageMemory;
  readonly #limitBytes: number;
  readonly #receiver: BodyReceiver;
  #body = empty;
  #block: Buffer | null = null;
  #received = 0;
  #isOver = false;

  constructor(memory: MessageMemory, limitBytes: number, receiver: BodyReceiver) {
    this.#memory = memory;
    this.#limitBytes = limitBytes;
    this.#receiver = receiver;
  }

  add(bytes: Buffer, from: number, end: number): void {
    const at = this.#received;
    this.#received = at + end - from;
    if (this.#received > discardLimit(this.#limitBytes)) {
      this.#drop();
      this.#receiver.onBody(null, null, this.#received, false);
    } else if (this.#received > this.#limitBytes) {
      this.#isOver = true;
      this.#drop();
    } else {
      if (this.#received > this.#body.length) this.#grow(at);
      bytes.copy(this.#body, at, from, end);
    }
  }

  end(): void {
    const body = this.#isOver ? null : this.#body.subarray(0, this.#received);
    this.#receiver.onBody(body, this.#block, this.#received, true);
  }

  /** Room for what was received, of which `filled` bytes lie in the present room. */
  #grow(filled: number): void {
    const wanted = Math.max(firstChunkedBytes, this.#body.length * 2, this.#received);
    const body = this.#body;
    const block = this.#block;
    this.#block = wanted <= maxPooledBytes ? this.#memory.take(wanted) : null;
    this.#body = this.#block ?? this.#memory.allocate(Math.max(this.#received, Math.min(wanted, this.#limitBytes)));
    body.copy(this.#body, 0, 0, filled);
    if (block !== null) this.#memory.giveBack(block);
  }

  #drop(): void {
    if (this.#block !== null) this.#memory.giveBack(this.#block);
    this.#block = null;
    this.#body = empty;
  }
}
