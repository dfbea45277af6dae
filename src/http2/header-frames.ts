/** HEADERS and CONTINUATION (RFC 9113, sections 6.2 and 6.10): header blocks out of frames, decoded to fields. */

import type { Http2Clock } from './clock.ts';
import { errorCode, frameSizeError, protocolError } from './error-code.ts';
import { frameFlag, paddingOf, readUint31 } from './frame-format.ts';
import { HeaderBlock } from './header-block.ts';
import type { HeaderField } from './header-field.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import type { Http2Limits } from './limits.ts';

/** The part of a connection that takes decoded header blocks. */
interface FieldReceiver {
  onFields(streamId: number, fields: HeaderField[], isStreamEnd: boolean): void;
  /** Ends a stream for an error of the peer, whether it is open or not. */
  streamError(streamId: number, code: number): void;
}

/** The default header table of peers, which our SETTINGS do not change. */
const headerTableBytes = 4096;

export class HeaderFrames {
  readonly #receiver: FieldReceiver;
  readonly #limits: Http2Limits;
  readonly #clock: Http2Clock;
  readonly #decoder: HpackDecoder;
  #block: HeaderBlock | null = null;

  constructor(receiver: FieldReceiver, limits: Http2Limits, clock: Http2Clock) {
    this.#receiver = receiver;
    this.#limits = limits;
    this.#clock = clock;
    this.#decoder = new HpackDecoder(headerTableBytes, limits.maxHeaderListBytes);
  }

  /** Whether only CONTINUATION may come next. */
  get isInBlock(): boolean {
    return this.#block !== null;
  }

  /** The start of an incomplete header block; null when there is none. */
  get openBlockSinceMs(): number | null {
    return this.#block?.startedAtMs ?? null;
  }

  /** Whether the fields of the last block were more than the limit allows, and so are not complete. */
  get isTooLarge(): boolean {
    return this.#decoder.isTooLarge;
  }

  /** @throws ConnectionError */
  onHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if ((streamId & 1) === 0) throw protocolError(`HEADERS for stream ${streamId}, which a client cannot open`);
    let from = start;
    let until = end;
    if ((flags & frameFlag.padded) !== 0) {
      until -= paddingOf(bytes, start, end);
      from++;
    }
    let dependsOnItself = false;
    if ((flags & frameFlag.priority) !== 0) {
      if (until - from < 5) throw frameSizeError('HEADERS is too short for its priority');
      dependsOnItself = readUint31(bytes, from) === streamId;
      from += 5;
    }
    const isStreamEnd = (flags & frameFlag.endStream) !== 0;
    if ((flags & frameFlag.endHeaders) === 0) {
      this.#block = new HeaderBlock(streamId, isStreamEnd, this.#clock.now());
      this.#block.add(bytes, from, until, this.#limits);
      return;
    }
    this.#receiver.onFields(streamId, this.#decoder.decode(bytes, from, until), isStreamEnd);
    if (dependsOnItself) this.#receiver.streamError(streamId, errorCode.protocolError);
  }

  /** @throws ConnectionError */
  onContinuation(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const block = this.#block;
    if (block === null || block.streamId !== streamId) throw protocolError('CONTINUATION does not follow its HEADERS');
    block.add(bytes, start, end, this.#limits);
    if ((flags & frameFlag.endHeaders) === 0) return;
    this.#block = null;
    const whole = block.whole();
    this.#receiver.onFields(streamId, this.#decoder.decode(whole, 0, whole.length), block.isStreamEnd);
  }
}
