/** A unary call: one message in, then the half-close, then the method answers. */

import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { internal, unimplemented } from '../../../../errors.ts';
import { type CallSurroundings, GrpcJsCall } from './call.ts';
import { hasRoomFor } from '../call-budget.ts';
import type { OpenCalls } from '../open-calls.ts';
import { okStatus } from '../status.ts';
import type { OutgoingMessage, UnaryCall, UnaryMethod } from '../transport.ts';

export class GrpcJsUnaryCall extends GrpcJsCall implements UnaryCall {
  readonly #method: UnaryMethod;
  readonly #calls: OpenCalls;
  #message: Buffer | null = null;
  #isAccepted = false;

  constructor(
    inner: ServerInterceptingCallInterface,
    method: UnaryMethod,
    surroundings: CallSurroundings,
    calls: OpenCalls,
  ) {
    super(inner, method.path, method.isCompressible, surroundings);
    this.#method = method;
    this.#calls = calls;
  }

  protected override opened(): void {
    this.inner.startRead();
  }

  override onReceiveMessage(message: Buffer): void {
    if (this.#message !== null) {
      this.fail(unimplemented(`a call of ${this.#method.path} has one request message, got a second one`));
      return;
    }
    const { budget } = this.surroundings.memory;
    if (!budget.reserveMessage(message.length)) {
      this.fail(budget.exhausted(message.length));
      return;
    }
    this.adopt(message.length);
    this.#message = message;
    this.inner.startRead();
  }

  override onReceiveHalfClose(): void {
    if (this.isEnded) return;
    if (this.#message === null) {
      this.fail(internal(`the call of ${this.#method.path} ended before a whole request message had arrived`));
      return;
    }
    this.#isAccepted = true;
    this.#calls.add();
    try {
      const message = this.#message;
      this.#message = null;
      const inflated = this.inflated(message);
      if (inflated === null) this.#method.handle(message, this);
      else {
        inflated.then(({ bytes, reservedBytes }) => {
          this.adopt(reservedBytes);
          this.release(message.length);
          if (!this.isEnded) this.#method.handle(bytes, this);
        }, this.#fail);
      }
    } catch (error) {
      this.fail(error);
    }
  }

  protected override closed(): void {
    if (this.#isAccepted) this.#calls.remove();
  }

  respond(message: OutgoingMessage): void {
    if (!hasRoomFor(this, message)) return;
    // Status and trailers are sent with the message; to wait until its bytes are written would cost a second packet.
    this.send(message, null);
    this.finish(okStatus);
  }

  readonly #fail = (error: unknown): void => this.fail(error);
}
