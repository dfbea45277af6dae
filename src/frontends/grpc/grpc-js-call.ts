/**
 * One call of grpc-js, driven by the method it belongs to. It stands in front of the call as an interceptor and never
 * starts the handler that grpc-js would run: that costs a node stream per call and decides about reading, partial frames
 * and compression where the method should.
 */

import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  Metadata as WireMetadata,
} from '@grpc/grpc-js';
import { type Caller, Cancellation } from '../../inference/context.ts';
import type { Logger } from '../../logger.ts';
import type { GrpcConfig } from '../../server/server-config.ts';
import type { Clock } from '../../time.ts';
import { acceptedEncodingsOf, compressedFlag, takeEncoding } from './grpc-js-internals.ts';
import {
  chooseEncoding,
  deflateMessage,
  type Encoding,
  inflateMessage,
  knownEncodings,
} from './message-compression.ts';
import { statusCode, statusMessage, statusOf } from './status.ts';
import type { CallContext, GrpcStatus, OutgoingMessage } from './transport.ts';

/** What all calls of a transport share. */
export interface CallSurroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: GrpcConfig;
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

export abstract class GrpcJsCall extends ServerInterceptingCall implements CallContext {
  readonly receivedAtMs: number;
  readonly deadlineMs: number;
  readonly cancellation = new Cancellation();
  protected readonly inner: ServerInterceptingCallInterface;
  protected readonly surroundings: CallSurroundings;
  protected isEnded = false;
  readonly #path: string;
  readonly #encoding: string | null;
  readonly #compression: ResponseCompression | null;
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
  }

  /** Called by grpc-js with the listener of its own handler, which is left alone. */
  override start(): void {
    this.inner.start(this);
  }

  get caller(): Caller {
    return { protocol: 'grpc', address: this.inner.getPeer().replace(/:\d+$/, '') };
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
    this.isEnded = true;
    this.closed();
    this.cancellation.cancel();
  }

  finish(status: GrpcStatus): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.closed();
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

  /** The metadata are there and nothing has been read. */
  protected abstract opened(): void;
  /** The call has ended, from whichever side. Called once. */
  protected abstract closed(): void;

  /** @throws InferenceError where the frame is not what the call announced. */
  protected inflated(message: Buffer): Buffer | Promise<Buffer> {
    if (this.#encoding === null) return message;
    return inflateMessage(message, compressedFlag(message), this.#encoding, this.surroundings.config.maxMessageBytes);
  }

  #write(message: OutgoingMessage, onWritten: () => void): void {
    this.inner.sendMessage(message, onWritten);
    message.discard?.();
  }

  /** Messages leave in order, so each waits for the one before. Never rejects. */
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
    const deflated = deflateMessage(message, encoding, level);
    message.discard?.();
    try {
      const ready = await deflated;
      await before;
      this.inner.sendMessage(ready, onWritten);
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
