/** A unary call on the HTTP/2 of our own: one message in, then the half-close, then the method answers. */

import { internal, unimplemented } from '../../errors.ts';
import { readUint32 } from '../../http2/frame-format.ts';
import type { HeaderField } from '../../http2/header-field.ts';
import type { Http2Stream } from '../../http2/stream.ts';
import type { CallHead } from './call-head.ts';
import { Http2Call, type Http2CallSurroundings } from './http2-call.ts';
import { MessageAssembler, prefixBytes, tooLarge } from './message-assembler.ts';
import { okStatus } from './status.ts';
import type { OutgoingMessage, UnaryCall, UnaryMethod } from './transport.ts';

export class Http2UnaryCall extends Http2Call implements UnaryCall {
  readonly #method: UnaryMethod;
  #message: Buffer | null = null;
  #flag = 0;
  /** Of the pool, while the message lies in it. */
  #block: Buffer | null = null;
  /** Only for a message that does not come in one piece. */
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
      const inflated = this.inflated(message, this.#flag);
      if (Buffer.isBuffer(inflated)) this.#method.handle(inflated, this);
      else inflated.then((whole) => this.#method.handle(whole, this)).catch((error: unknown) => this.fail(error));
    } catch (error) {
      this.fail(error);
    }
  }

  protected override closed(): void {
    this.#assembler?.drop();
    this.#assembler = null;
    if (this.#isAccepted) this.surroundings.calls.remove();
  }

  /**
   * The usual case: the message lies whole in what was read. It is copied, because the block that was read into is read into
   * again before the batch leaves; the copy costs less than a block of its own for every read would.
   */
  #takeWhole(bytes: Buffer, start: number, end: number): boolean {
    if (end - start < prefixBytes) return false;
    const length = readUint32(bytes, start + 1);
    if (end - start !== prefixBytes + length) return false;
    const { maxMessageBytes } = this.surroundings.config;
    if (length > maxMessageBytes) throw tooLarge(length, maxMessageBytes);
    const message = this.surroundings.pool.allocate(length);
    bytes.copy(message, 0, start + prefixBytes, end);
    this.#flag = bytes[start] as number;
    this.#message = message;
    return true;
  }

  #assemble(bytes: Buffer, start: number, end: number): void {
    this.#assembler ??= new MessageAssembler(
      this.stream.connection,
      this.surroundings.config.maxMessageBytes,
      this.surroundings.pool,
    );
    const assembler = this.#assembler;
    const at = assembler.push(bytes, start, end);
    if (assembler.missingBytes > 0) {
      this.stream.grant(assembler.missingBytes);
      return;
    }
    this.#block = assembler.handOverBlock();
    const message = assembler.takeMessage();
    this.#flag = assembler.flag;
    this.#message = message;
    if (at < end) throw unimplemented(`a call of ${this.#method.path} has one request message, got a second one`);
  }

  get isOpen(): boolean {
    return !this.isEnded;
  }

  respond(message: OutgoingMessage): void {
    const isAnswered = !this.isEnded;
    this.send(message, null);
    this.finish(okStatus);
    // The batch has ended well and its answer is written: nobody looks at the request any more.
    if (this.#block !== null && isAnswered) this.surroundings.pool.giveBack(this.#block);
    this.#block = null;
  }
}
