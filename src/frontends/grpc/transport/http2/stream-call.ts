/**
 * A call with streams both ways on our own HTTP/2. Messages are handed over one by one, as the method asks for them.
 * Bytes of further messages keep the stream's window closed, so that the caller waits (backpressure).
 */

import { internal } from '../../../../errors.ts';
import type { HeaderField } from '../../../../http2/header-field.ts';
import type { Http2Stream } from '../../../../http2/stream.ts';
import type { CallHead } from './call-head.ts';
import { Http2Call, type Http2CallSurroundings } from './call.ts';
import { CollectedMemory } from '../../../message-pool.ts';
import { MessageAssembler } from './message-assembler.ts';
import type { MessageReceiver, StreamCall, StreamMethod } from '../transport.ts';

/** Of one piece of content, which may contain thousands: after these the connection may have used its share of a turn. */
const maxMessagesAtOnce = 16;

interface ArrivedMessage {
  readonly message: Buffer;
  readonly flag: number;
  /** Bytes of the stream's window, which opens by them when the message is handed over. */
  readonly heldBytes: number;
  /** The same for the connection's window. */
  readonly uncreditedBytes: number;
  /** Bytes reserved for a large message, in place of the connection's window. */
  readonly reservedBytes: number;
  /** Bytes reserved in the budget. */
  readonly budgetBytes: number;
}

export class Http2StreamCall extends Http2Call implements StreamCall {
  readonly #method: StreamMethod;
  /** Not pooled, because the requests of a stream end in any order. */
  readonly #memory: CollectedMemory;
  readonly #assembler: MessageAssembler;
  #receiver: MessageReceiver | null = null;
  #arrived: ArrivedMessage[] = [];
  #next = 0;
  /** Bytes that have arrived and were not handed over. */
  #heldBytes = 0;
  /** Bytes of the incomplete message among them, and how many of these are not credited to the connection's window. */
  #partialBytes = 0;
  #partialUncredited = 0;
  #isWanted = false;
  #isDelivering = false;
  #isInflating = false;
  #isHalfClosed = false;

  constructor(
    stream: Http2Stream,
    method: StreamMethod,
    fields: readonly HeaderField[],
    head: CallHead,
    timeout: number,
    surroundings: Http2CallSurroundings,
  ) {
    super(stream, method.path, method.isCompressible, fields, head, timeout, surroundings);
    this.#method = method;
    this.#memory = new CollectedMemory(surroundings.pool.budget);
    this.#assembler = new MessageAssembler(stream.connection, surroundings.config.maxMessageBytes, this.#memory);
  }

  /** Called once, when the stream has this call as its receiver. */
  open(): void {
    this.surroundings.calls.addStream(this);
    this.#isDelivering = true;
    this.#receiver = this.#method.open(this);
    this.#isDelivering = false;
    this.#deliver();
  }

  read(): void {
    if (this.isEnded) return;
    this.#isWanted = true;
    this.#deliver();
  }

  drain(): void {
    this.#receiver?.onDrain();
  }

  override onData(bytes: Buffer, start: number, end: number): number {
    if (this.isEnded) {
      this.stream.take(end - start);
      return end;
    }
    let at = start;
    try {
      for (let messages = 0; at < end && messages < maxMessagesAtOnce; messages++) at = this.#arrive(bytes, at, end);
    } catch (error) {
      this.stream.take(end - at);
      this.fail(error);
      return end;
    }
    this.#deliver();
    return at;
  }

  override onEnd(): void {
    if (this.isEnded) return;
    if (!this.#assembler.isEmpty) {
      this.fail(internal(`the call of ${this.#method.path} ended within a message`));
      return;
    }
    this.#isHalfClosed = true;
    this.#deliver();
  }

  protected override closed(): void {
    this.#assembler.drop();
    this.stream.take(this.#partialUncredited);
    this.#partialUncredited = 0;
    for (const arrived of this.#arrived.slice(this.#next)) this.#letGo(arrived);
    this.#arrived = [];
    this.#next = 0;
    this.surroundings.calls.removeStream(this);
  }

  /** Takes bytes up to the end of one message. */
  #arrive(bytes: Buffer, from: number, end: number): number {
    const at = this.#assembler.push(bytes, from, end);
    this.#heldBytes += at - from;
    this.#partialBytes += at - from;
    this.#partialUncredited += at - from;
    if (this.#assembler.isReserved) {
      this.stream.take(this.#partialUncredited);
      this.#partialUncredited = 0;
    }
    if (this.#assembler.missingBytes > 0) return at;
    const { flag } = this.#assembler;
    const reservedBytes = this.#assembler.handOverReservation();
    const budgetBytes = this.#assembler.handOverBudget();
    this.adopt(budgetBytes);
    const message = this.#assembler.takeMessage() as Buffer;
    const heldBytes = this.#partialBytes;
    const uncreditedBytes = this.#partialUncredited;
    this.#partialBytes = 0;
    this.#partialUncredited = 0;
    this.#arrived.push({ message, flag, heldBytes, uncreditedBytes, reservedBytes, budgetBytes });
    return at;
  }

  /**
   * Hands over requested messages that have arrived. Not recursive: one read may contain thousands of small messages.
   */
  #deliver(): void {
    // When a connection is lost, the end of one call may let another ask for messages whose caller has left as well.
    if (this.#isDelivering || this.#isInflating || this.stream.isClosed) return;
    this.#isDelivering = true;
    while (this.#isWanted && !this.#isInflating && !this.isEnded && this.#next < this.#arrived.length)
      this.#deliverNext();
    this.#isDelivering = false;
    if (this.isEnded) return;
    if (this.#next < this.#arrived.length) return;
    if (this.#next > 0) this.#arrived = [];
    this.#next = 0;
    if (this.#isHalfClosed) {
      if (this.#isWanted && !this.#isInflating) this.#deliverHalfClose();
    } else if (this.#assembler.isReserved) {
      // The memory of the next, large message is reserved, so the window opens for all of it.
      this.stream.grant(this.#assembler.missingBytes);
    } else {
      this.stream.replenish(this.#heldBytes);
    }
  }

  #deliverNext(): void {
    const arrived = this.#arrived[this.#next++] as ArrivedMessage;
    this.#isWanted = false;
    this.#letGo(arrived);
    this.#heldBytes -= arrived.heldBytes;
    try {
      if (arrived.flag === 0) {
        this.#receiver?.onMessage(arrived.message, arrived.budgetBytes);
        return;
      }
      const inflated = this.inflated(arrived.message, arrived.flag, this.#memory);
      this.#isInflating = true;
      inflated.then(({ bytes, reservedBytes }) => {
        this.adopt(reservedBytes);
        this.release(arrived.budgetBytes);
        this.#deliverInflated(bytes, reservedBytes);
      }, this.#fail);
    } catch (error) {
      this.fail(error);
    }
  }

  #letGo({ uncreditedBytes, reservedBytes }: ArrivedMessage): void {
    this.stream.take(uncreditedBytes);
    if (reservedBytes > 0) this.stream.connection.intake.releaseAssembly(reservedBytes);
  }

  #deliverInflated(message: Buffer, budgetBytes: number): void {
    this.#isInflating = false;
    if (this.isEnded) return;
    this.#receiver?.onMessage(message, budgetBytes);
    this.#deliver();
  }

  #deliverHalfClose(): void {
    this.#isWanted = false;
    this.#receiver?.onHalfClose();
  }

  readonly #fail = (error: unknown): void => this.fail(error);
}
