/** One call on our own HTTP/2: the common part of unary and streamed calls. Only its stream calls it. */

import { type Caller, Cancellation, type InferenceContext } from '../../../../inference/context.ts';
import type { HeaderField } from '../../../../http2/header-field.ts';
import { ConnectionError, errorCode } from '../../../../http2/error-code.ts';
import { writeUint32 } from '../../../../http2/frame-format.ts';
import type { Http2Stream, StreamReceiver } from '../../../../http2/stream.ts';
import type { MemoryBudget } from '../../../../inference/memory-budget.ts';
import type { Logger } from '../../../../logger.ts';
import type { GrpcConfig } from '../../../../server/server-config.ts';
import type { Clock } from '../../../../time.ts';
import type { CallHead } from './call-head.ts';
import { prefixBytes } from './message-assembler.ts';
import type { MessageMemory } from '../../../message-pool.ts';
import type { InflatedMessage } from '../../../inflate.ts';
import { adoptFor, type BudgetedCall, holdFor, releaseAllOf, releaseFor, reserveFor } from '../call-budget.ts';
import { chooseEncoding, deflateThenWrite, type Encoding, inflateMessage } from '../compression.ts';
import type { OpenCalls } from '../open-calls.ts';
import { statusCode, statusOf } from '../status.ts';
import { headOf, trailersOf, trailersOnly } from './status-fields.ts';
import type { CallContext, GrpcStatus, OutgoingMessage } from '../transport.ts';

/**
 * A client for which more than this waits gets copies: answers that are sent from where they lie would keep the slabs of
 * a model for as long as it pleases the client.
 */
const maxPlacedWaitingBytes = 16 * 1024 * 1024;

/** The parts that all calls of a transport share. */
export interface Http2CallSurroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: GrpcConfig;
  readonly calls: OpenCalls;
  readonly pool: MessageMemory;
}

export abstract class Http2Call implements CallContext, BudgetedCall, InferenceContext, StreamReceiver {
  readonly receivedAtMs: number;
  readonly deadlineMs: number;
  readonly cancellation = new Cancellation();
  protected readonly stream: Http2Stream;
  protected readonly surroundings: Http2CallSurroundings;
  isEnded = false;
  /** Bytes that the call has reserved, first for its fields; released when it ends. */
  reservedBytes: number;
  readonly #path: string;
  readonly #fields: readonly HeaderField[];
  readonly #encoding: string;
  /** How the answers of this call are compressed. */
  readonly #answerEncoding: Encoding | null;
  #isHeadSent = false;
  /** The latest message on its way through zlib; null while nothing is compressed. */
  #deflating: Promise<void> | null = null;

  /**
   * @param head    Its bytes are reserved already; the call releases them.
   * @param timeout In milliseconds, Infinity for none.
   */
  constructor(
    stream: Http2Stream,
    path: string,
    isCompressible: boolean,
    fields: readonly HeaderField[],
    head: CallHead,
    timeout: number,
    surroundings: Http2CallSurroundings,
  ) {
    const { clock, config } = surroundings;
    this.stream = stream;
    this.surroundings = surroundings;
    this.receivedAtMs = clock.now();
    this.deadlineMs = this.receivedAtMs + timeout;
    this.reservedBytes = head.bytes;
    this.#path = path;
    this.#fields = fields;
    this.#encoding = head.encoding;
    this.#answerEncoding =
      isCompressible && config.responseCompressionLevel !== 'none' ? chooseEncoding(head.acceptedEncodings) : null;
  }

  get caller(): Caller {
    return { protocol: 'grpc', address: this.stream.peerAddress };
  }

  get connection(): number {
    return this.stream.connection.account?.number ?? 0;
  }

  metadataValue(key: string): string | null {
    for (const { name, value } of this.#fields) if (name === key) return value;
    return null;
  }

  *metadataEntries(): Generator<readonly [key: string, value: string]> {
    for (const { name, value } of this.#fields) if (!isReserved(name)) yield [name, value];
  }

  get budget(): MemoryBudget {
    return this.surroundings.pool.budget;
  }

  reserve(bytes: number, decodedBytes: number): void {
    reserveFor(this, bytes, decodedBytes);
  }

  hold(bytes: number): void {
    holdFor(this, bytes);
  }

  release(bytes: number): void {
    releaseFor(this, bytes);
  }

  checkAnswer(bytes: number, requestBytes: number): void {
    this.budget.checkAnswer(bytes, requestBytes, this.#waitingBytes);
  }

  /** Bytes that wait for this client. */
  get #waitingBytes(): number {
    const { streams, writer } = this.stream.connection;
    return streams.heldBytes + writer.output.unsentBytes;
  }

  abstract onData(bytes: Buffer, start: number, end: number): unknown;
  abstract onEnd(): void;

  onClosed(): void {
    if (this.isEnded) return;
    this.#end();
    this.cancellation.cancel();
  }

  /** Called regularly while the call is open. */
  checkDeadline(nowMs: number): void {
    if (nowMs < this.deadlineMs || this.isEnded) return;
    this.finish({ code: statusCode.deadlineExceeded, message: 'Deadline exceeded' });
    this.cancellation.cancel();
  }

  finish(status: GrpcStatus): void {
    if (this.isEnded) return;
    this.#end();
    if (this.#deflating === null) this.#sendStatus(status);
    else this.#deflating.then(() => this.#sendStatus(status));
  }

  send(message: OutgoingMessage, onWritten: (() => void) | null): void {
    if (this.isEnded) message.discard?.();
    else if (this.#answerEncoding === null) this.#write(message, onWritten);
    else this.#deflating = this.#deflate(message, this.#answerEncoding, this.#deflating, onWritten);
  }

  fail(error: unknown): void {
    this.finish(statusOf(error, this.#path, this.surroundings.logger));
  }

  /** The call has ended, from either side. Called once. */
  protected abstract closed(): void;

  /** Passes bytes that were reserved elsewhere to the call, which releases them. */
  protected adopt(bytes: number): void {
    adoptFor(this, bytes);
  }

  /**
   * Inflates a compressed message; the caller owns its reserved bytes.
   *
   * @param memory for the output; the input is no longer read when the promise settles.
   * @throws InferenceError when the message does not match the encoding of the call.
   */
  protected inflated(message: Buffer, flag: number, memory: MessageMemory): Promise<InflatedMessage> {
    const { config } = this.surroundings;
    return inflateMessage(message, flag, {
      encoding: this.#encoding,
      maxMessageBytes: config.maxMessageBytes,
      memory,
      ownBytes: this.reservedBytes,
    });
  }

  #end(): void {
    this.isEnded = true;
    releaseAllOf(this);
    this.closed();
  }

  #sendHead(): void {
    if (this.#isHeadSent) return;
    this.#isHeadSent = true;
    this.stream.sendHeaders(headOf(this.#answerEncoding), false);
  }

  #write(message: OutgoingMessage, onWritten: (() => void) | null): void {
    this.#sendHead();
    const { byteLength } = message;
    const at = this.stream.beginData(prefixBytes + byteLength);
    if (at >= 0) {
      this.#copy(message, this.stream.target, at);
      if (onWritten !== null) this.stream.connection.writer.output.onWritten(onWritten);
      return;
    }
    this.#sendPieces(message, onWritten);
  }

  /** Sends a message that does not fit a frame, in pooled memory but for the contents that have a place. */
  #sendPieces(message: OutgoingMessage, onWritten: (() => void) | null): void {
    const { pool } = this.surroundings;
    const { byteLength } = message;
    const placedBytes = this.#waitingBytes > maxPlacedWaitingBytes ? 0 : (message.placedBytes ?? 0);
    const ownBytes = prefixBytes + byteLength - placedBytes;
    const block = pool.take(ownBytes);
    const own = block.subarray(0, ownBytes);
    let pieces = [own];
    if (placedBytes === 0) this.#copy(message, own, 0);
    else {
      own[0] = 0;
      writeUint32(own, 1, byteLength);
      try {
        pieces = message.pieces?.(own, prefixBytes) ?? pieces;
      } catch (error) {
        this.#break(error);
      }
    }
    // A connection that was broken releases at once.
    this.stream.sendPieces(pieces, prefixBytes + byteLength, onWritten, () => {
      pool.giveBack(block);
      if (placedBytes > 0) message.discard?.();
    });
  }

  #copy(message: OutgoingMessage, target: Buffer, at: number): void {
    target[at] = 0;
    writeUint32(target, at + 1, message.byteLength);
    try {
      message.copy(target, at + prefixBytes);
    } catch (error) {
      // A pooled chunk contains bytes for another client.
      target.fill(0, at, at + prefixBytes + message.byteLength);
      this.#break(error);
    } finally {
      message.discard?.();
    }
  }

  /** A frame is announced and cannot be taken back, so the connection is broken. */
  #break(error: unknown): void {
    this.surroundings.logger.error({ method: this.#path, error }, 'an answer could not be written');
    this.stream.connection.fail(new ConnectionError(errorCode.internalError, 'an answer could not be written'));
  }

  /** Messages are sent in order, so each waits for the one before. Never rejects. */
  async #deflate(
    message: OutgoingMessage,
    encoding: Encoding,
    before: Promise<void> | null,
    onWritten: (() => void) | null,
  ): Promise<void> {
    const level = this.surroundings.config.responseCompressionLevel as 'low' | 'medium' | 'high';
    const { budget } = this;
    const isWanted = (): boolean => !this.stream.isClosed;
    try {
      const deflation = { encoding, level, budget, isWanted };
      await deflateThenWrite(message, deflation, before, (ready) => this.#write(ready, onWritten));
    } catch (error) {
      this.#sendStatus(statusOf(error, this.#path, this.surroundings.logger));
    }
  }

  #sendStatus(status: GrpcStatus): void {
    if (this.#isHeadSent) this.stream.sendTrailers(trailersOf(status));
    else this.stream.sendHeaders(trailersOnly(status), true);
  }
}

/** Fields of the protocol, and binary metadata. */
const isReserved = (name: string): boolean =>
  name.startsWith(':') ||
  name.endsWith('-bin') ||
  name === 'te' ||
  name === 'content-type' ||
  (name.startsWith('grpc-') && reservedNames.has(name));

const reservedNames: ReadonlySet<string> = new Set([
  'grpc-timeout',
  'grpc-encoding',
  'grpc-accept-encoding',
  'grpc-message-type',
]);
