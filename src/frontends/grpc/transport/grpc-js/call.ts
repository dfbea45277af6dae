/**
 * One call of grpc-js, driven by the method it belongs to. It is an interceptor in front of the call and never starts
 * the handler of grpc-js: that would cost a node stream per call, and would decide about reading, partial frames and
 * compression instead of the method.
 */

import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  Metadata as WireMetadata,
} from '@grpc/grpc-js';
import { type Caller, Cancellation } from '../../../../inference/context.ts';
import type { MemoryBudget } from '../../../../inference/memory-budget.ts';
import type { Logger } from '../../../../logger.ts';
import type { GrpcConfig } from '../../../../server/server-config.ts';
import type { Clock } from '../../../../time.ts';
import type { InflatedMessage } from '../../../inflate.ts';
import type { MessageMemory } from '../../../message-pool.ts';
import { acceptedEncodingsOf, compressedFlag, streamOf, takeEncoding } from './internals.ts';
import { UnsentAnswers } from './unsent-answers.ts';
import { adoptFor, type BudgetedCall, holdFor, releaseAllOf, releaseFor, reserveFor } from '../call-budget.ts';
import { chooseEncoding, deflateThenWrite, type Encoding, inflateMessage, knownEncodings } from '../compression.ts';
import { statusCode, statusMessage, statusOf } from '../status.ts';
import type { CallContext, GrpcStatus, OutgoingMessage } from '../transport.ts';

/** The parts that all calls of a transport share. */
export interface CallSurroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: GrpcConfig;
  /** Counts only complete messages: grpc-js assembles them in memory of its own. */
  readonly memory: MessageMemory;
}

/** How the messages of one call are compressed. */
interface ResponseCompression {
  readonly encoding: Encoding;
  readonly level: 'low' | 'medium' | 'high';
}

function compressionFor(
  call: ServerInterceptingCallInterface,
  level: GrpcConfig['responseCompressionLevel'],
): ResponseCompression | null {
  if (level === 'none') return null;
  const encoding = chooseEncoding(acceptedEncodingsOf(call));
  return encoding === null ? null : { encoding, level };
}

const nothing = (): void => undefined;

export abstract class GrpcJsCall extends ServerInterceptingCall implements CallContext, BudgetedCall {
  readonly receivedAtMs: number;
  readonly deadlineMs: number;
  readonly cancellation = new Cancellation();
  protected readonly inner: ServerInterceptingCallInterface;
  protected readonly surroundings: CallSurroundings;
  isEnded = false;
  /** Bytes that the call has reserved; released when it ends. */
  reservedBytes = 0;
  readonly #path: string;
  readonly #encoding: string | null;
  readonly #compression: ResponseCompression | null;
  readonly #unsent: UnsentAnswers;
  #metadata: Metadata | null = null;
  /** The latest message on its way through zlib; null while nothing is compressed. */
  #deflating: Promise<void> | null = null;

  constructor(
    inner: ServerInterceptingCallInterface,
    path: string,
    isCompressible: boolean,
    surroundings: CallSurroundings,
  ) {
    super(inner);
    const { clock, config } = surroundings;
    this.inner = inner;
    this.surroundings = surroundings;
    this.#path = path;
    this.receivedAtMs = clock.now();
    const deadline = Number(inner.getDeadline());
    this.deadlineMs = deadline === Infinity ? Infinity : this.receivedAtMs + deadline - clock.wallMs();
    this.#encoding = takeEncoding(inner);
    this.#compression = isCompressible ? compressionFor(inner, config.responseCompressionLevel) : null;
    this.#unsent = new UnsentAnswers(surroundings.memory.budget, streamOf(inner));
  }

  /** Called by grpc-js with the listener of its own handler, which is not used. */
  override start(): void {
    this.inner.start(this);
  }

  get caller(): Caller {
    return { protocol: 'grpc', address: this.inner.getPeer().replace(/:\d+$/, '') };
  }

  get budget(): MemoryBudget {
    return this.surroundings.memory.budget;
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
    this.budget.checkAnswer(bytes, requestBytes, this.#unsent.connectionBytes);
  }

  metadataValue(key: string): string | null {
    const value = this.#metadata?.get(key)[0];
    return typeof value === 'string' ? value : null;
  }

  *metadataEntries(): Generator<readonly [key: string, value: string]> {
    for (const [key, value] of Object.entries(this.#metadata?.getMap() ?? {})) {
      if (typeof value === 'string') yield [key, value];
    }
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.#metadata = metadata;
    this.opened();
  }

  abstract onReceiveMessage(message: Buffer): void;
  abstract onReceiveHalfClose(): void;

  /** Also called by grpc-js after the call has been answered. */
  onCancel(): void {
    if (this.isEnded) return;
    this.#end();
    this.cancellation.cancel();
  }

  finish(status: GrpcStatus): void {
    if (this.isEnded) return;
    this.#end();
    if (this.#deflating === null) this.#sendStatus(status);
    else this.#deflating.then(() => this.#sendStatus(status));
  }

  send(message: OutgoingMessage, onWritten: (() => void) | null): void {
    const written = onWritten ?? nothing;
    if (this.isEnded) message.discard?.();
    else if (this.#compression === null) this.#write(message, written);
    else this.#deflating = this.#deflate(message, this.#compression, this.#deflating, written);
  }

  fail(error: unknown): void {
    this.finish(statusOf(error, this.#path, this.surroundings.logger));
  }

  /** The metadata have arrived and nothing was read. */
  protected abstract opened(): void;
  /** The call has ended, from either side. Called once. */
  protected abstract closed(): void;

  /** Passes bytes that were reserved elsewhere to the call, which releases them. */
  protected adopt(bytes: number): void {
    adoptFor(this, bytes);
  }

  /**
   * Inflates a compressed message; null for an uncompressed one. The caller owns its reserved bytes.
   *
   * @throws InferenceError when the frame does not match the encoding of the call.
   */
  protected inflated(message: Buffer): Promise<InflatedMessage> | null {
    const flag = this.#encoding === null ? 0 : compressedFlag(message);
    if (flag === 0) return null;
    const { config, memory } = this.surroundings;
    return inflateMessage(message, flag, {
      encoding: this.#encoding as string,
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

  #write(message: OutgoingMessage, onWritten: () => void): void {
    const { byteLength } = message;
    this.#unsent.add(byteLength);
    this.inner.sendMessage(message, () => {
      this.#unsent.written(byteLength);
      onWritten();
    });
    message.discard?.();
  }

  /** Messages are sent in order, so each waits for the one before. Never rejects. */
  async #deflate(
    message: OutgoingMessage,
    { encoding, level }: ResponseCompression,
    before: Promise<void> | null,
    onWritten: () => void,
  ): Promise<void> {
    if (before === null) {
      const metadata = new WireMetadata();
      metadata.set('grpc-encoding', encoding);
      this.inner.sendMetadata(metadata);
    }
    const { budget } = this;
    const isWanted = (): boolean => this.#unsent.isOpen;
    try {
      const deflation = { encoding, level, budget, isWanted };
      await deflateThenWrite(message, deflation, before, (ready) => this.#write(ready, onWritten));
    } catch (error) {
      this.#sendStatus(statusOf(error, this.#path, this.surroundings.logger));
    }
  }

  #sendStatus({ code, message }: GrpcStatus): void {
    const details = code === statusCode.ok ? message : statusMessage(message);
    if (code !== statusCode.unimplemented) {
      this.inner.sendStatus({ code, details });
      return;
    }
    const metadata = new WireMetadata();
    metadata.set('grpc-accept-encoding', knownEncodings);
    this.inner.sendStatus({ code, details, metadata });
  }
}
