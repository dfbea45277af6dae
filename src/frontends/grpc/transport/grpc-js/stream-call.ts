/** A call with streams both ways: messages are handed over one by one, as the method asks for them. */

import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { type CallSurroundings, GrpcJsCall } from './call.ts';
import type { OpenCalls } from '../open-calls.ts';
import type { MessageReceiver, StreamCall, StreamMethod } from '../transport.ts';

export class GrpcJsStreamCall extends GrpcJsCall implements StreamCall {
  readonly #method: StreamMethod;
  readonly #calls: OpenCalls;
  #receiver: MessageReceiver | null = null;
  #isDelivering = false;
  #isReadWanted = false;
  /** A message that grpc-js handed over while another one was being delivered. */
  #arrived: Buffer | null = null;

  constructor(
    inner: ServerInterceptingCallInterface,
    method: StreamMethod,
    surroundings: CallSurroundings,
    calls: OpenCalls,
  ) {
    super(inner, method.path, method.isCompressible, surroundings);
    this.#method = method;
    this.#calls = calls;
  }

  read(): void {
    if (this.isEnded) return;
    if (this.#isDelivering) this.#isReadWanted = true;
    else this.inner.startRead();
  }

  drain(): void {
    this.#receiver?.onDrain();
  }

  protected override opened(): void {
    this.#calls.addStream(this);
    // A message that has arrived already is delivered by the `read` inside, so the receiver has to be set first.
    this.#isDelivering = true;
    this.#receiver = this.#method.open(this);
    this.#isDelivering = false;
    if (!this.#isReadWanted) return;
    this.#isReadWanted = false;
    this.read();
  }

  override onReceiveMessage(frame: Buffer): void {
    const { budget } = this.surroundings.memory;
    if (!budget.reserveMessage(frame.length)) {
      this.fail(budget.exhausted(frame.length));
      return;
    }
    this.adopt(frame.length);
    if (this.#isDelivering) {
      this.#arrived = frame;
      return;
    }
    this.#deliver(frame);
  }

  override onReceiveHalfClose(): void {
    if (!this.isEnded) this.#receiver?.onHalfClose();
  }

  protected override closed(): void {
    this.#calls.removeStream(this);
  }

  /**
   * Asking grpc-js for a message may hand it over at once, from inside that call. A chunk can hold thousands of small
   * messages, so they are taken in a loop and not recursively.
   */
  #deliver(first: Buffer): void {
    let frame: Buffer | null = first;
    this.#isDelivering = true;
    while (frame !== null && !this.isEnded) {
      if (this.#inflate(frame)) break;
      frame = this.#deliverOne(frame, frame.length);
    }
    this.#isDelivering = false;
  }

  /** Returns the frame that was requested meanwhile, if it has arrived. */
  #deliverOne(message: Buffer, reservedBytes: number): Buffer | null {
    this.#receiver?.onMessage(message, reservedBytes);
    if (!this.#isReadWanted || this.isEnded) return null;
    this.#isReadWanted = false;
    this.inner.startRead();
    const arrived = this.#arrived;
    this.#arrived = null;
    return arrived;
  }

  #deliverInflated(message: Buffer, reservedBytes: number): void {
    if (this.isEnded) return;
    this.#isDelivering = true;
    const next = this.#deliverOne(message, reservedBytes);
    this.#isDelivering = false;
    if (next !== null) this.#deliver(next);
  }

  /** False for an uncompressed message; a compressed one is delivered later, or fails the call. */
  #inflate(frame: Buffer): boolean {
    try {
      const inflated = this.inflated(frame);
      if (inflated === null) return false;
      inflated.then(({ bytes, reservedBytes }) => {
        this.adopt(reservedBytes);
        this.release(frame.length);
        this.#deliverInflated(bytes, reservedBytes);
      }, this.#fail);
    } catch (error) {
      this.fail(error);
    }
    return true;
  }

  readonly #fail = (error: unknown): void => this.fail(error);
}
