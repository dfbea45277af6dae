/** A unary call on our own HTTP/2: one message in, then the half-close, then the method answers. */

import { internal, unimplemented } from '../../../../errors.ts';
import { readUint32 } from '../../../../http2/frame-format.ts';
import type { HeaderField } from '../../../../http2/header-field.ts';
import type { Http2Stream } from '../../../../http2/stream.ts';
import { copyReceived } from '../../../../sockets/copy-received.ts';
import type { CallHead } from './call-head.ts';
import { Http2Call, type Http2CallSurroundings } from './call.ts';
import { MessageAssembler, prefixBytes, tooLarge } from './message-assembler.ts';
import { hasRoomFor } from '../call-budget.ts';
import { okStatus } from '../status.ts';
import type { OutgoingMessage, UnaryCall, UnaryMethod } from '../transport.ts';
import { CollectedMemory, type MessageMemory } from '../../../message-pool.ts';

export class Http2UnaryCall extends Http2Call implements UnaryCall {
  readonly #method: UnaryMethod;
  /** Where the message is put. */
  readonly #memory: MessageMemory;
  #message: Buffer | null = null;
  #flag = 0;
  /** Bytes that the message has reserved in the budget. */
  #messageBytes = 0;
  /** The block with the message, until it is no longer read. */
  #block: Buffer | null = null;
  /** Only for a message that arrives in several pieces. */
  #assembler: MessageAssembler | null = null;
  #isAccepted = false;

  constructor(
    stream: Http2Stream,
    method: UnaryMethod,
    fields: readonly HeaderField[],
    head: CallHead,
    timeout: number,
    surroundings: Http2CallSurroundings,
  ) {
    super(stream, method.path, method.isCompressible, fields, head, timeout, surroundings);
    this.#method = method;
    const { pool } = surroundings;
    this.#memory = method.keepsMessage === true ? new CollectedMemory(pool.budget) : pool;
  }

  override onData(bytes: Buffer, start: number, end: number): void {
    this.stream.take(end - start);
    if (this.isEnded) return;
    if (this.#message !== null) {
      this.fail(unimplemented(`a call of ${this.#method.path} has one request message, got a second one`));
      return;
    }
    try {
      if (this.#assembler === null && this.#takeWhole(bytes, start, end)) return;
      this.#assemble(bytes, start, end);
    } catch (error) {
      this.fail(error);
    }
  }

  override onEnd(): void {
    if (this.isEnded) return;
    const message = this.#message;
    if (message === null) {
      this.fail(internal(`the call of ${this.#method.path} ended before a whole request message had arrived`));
      return;
    }
    this.#isAccepted = true;
    this.#message = null;
    this.surroundings.calls.add();
    try {
      if (this.#flag === 0) this.#method.handle(message, this);
      else this.#inflate(message);
    } catch (error) {
      this.fail(error);
    }
  }

  protected override closed(): void {
    this.#assembler?.drop();
    this.#assembler = null;
    if (this.#isAccepted) this.surroundings.calls.remove();
    else this.#giveBack();
  }

  /**
   * The usual case: the whole message is in the read buffer. It is copied, because the buffer is reused before the
   * batch runs; the copy costs less than a new buffer for every read.
   */
  #takeWhole(bytes: Buffer, start: number, end: number): boolean {
    if (end - start < prefixBytes) return false;
    const length = readUint32(bytes, start + 1);
    if (end - start !== prefixBytes + length) return false;
    const { maxMessageBytes } = this.surroundings.config;
    if (length > maxMessageBytes) throw tooLarge(length, maxMessageBytes);
    const { budget } = this.surroundings.pool;
    if (!budget.reserveMessage(length)) throw budget.exhausted(length);
    this.adopt(length);
    this.#block = this.#memory.take(length);
    const message = this.#block.subarray(0, length);
    copyReceived(bytes, start + prefixBytes, end, message, 0);
    this.#flag = bytes[start] as number;
    this.#message = message;
    this.#messageBytes = length;
    return true;
  }

  #assemble(bytes: Buffer, start: number, end: number): void {
    this.#assembler ??= new MessageAssembler(
      this.stream.connection,
      this.surroundings.config.maxMessageBytes,
      this.#memory,
    );
    const assembler = this.#assembler;
    const at = assembler.push(bytes, start, end);
    if (assembler.missingBytes > 0) {
      this.stream.grant(assembler.missingBytes);
      return;
    }
    this.#messageBytes = assembler.handOverBudget();
    this.adopt(this.#messageBytes);
    this.#block = assembler.handOverBlock();
    const message = assembler.takeMessage();
    this.#flag = assembler.flag;
    this.#message = message;
    if (at < end) throw unimplemented(`a call of ${this.#method.path} has one request message, got a second one`);
  }

  override fail(error: unknown): void {
    // The request has ended, or never began.
    this.#giveBack();
    super.fail(error);
  }

  #inflate(message: Buffer): void {
    this.inflated(message, this.#flag, this.#memory)
      .then((whole) => {
        this.#giveBack();
        this.adopt(whole.reservedBytes);
        this.release(this.#messageBytes);
        this.#block = whole.block;
        if (this.isEnded) this.#giveBack();
        else this.#method.handle(whole.bytes, this);
      })
      .catch((error: unknown) => this.fail(error));
  }

  #giveBack(): void {
    if (this.#block !== null) this.#memory.giveBack(this.#block);
    this.#block = null;
  }

  respond(message: OutgoingMessage): void {
    if (!hasRoomFor(this, message)) return;
    this.send(message, null);
    this.finish(okStatus);
    // The answer is written, so the request is no longer read.
    this.#giveBack();
  }
}
