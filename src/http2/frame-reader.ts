/**
 * Cuts frames from the read buffer, in place: a complete frame is handed over as a range of the buffer. Content of DATA
 * is handed over in the pieces in which it arrives, so that nothing large is copied here. An incomplete frame of
 * another type waits in a buffer for one frame.
 */

import type { ReadTurn } from '../sockets/read-turn.ts';
import { frameSizeError, protocolError } from './error-code.ts';
import { clientPreface, defaultFrameBytes, frameFlag, frameHeadBytes, frameType, readUint31 } from './frame-format.ts';

/** Ranges are of a buffer that is reused after the call. */
export interface FrameReceiver {
  /** Any frame but DATA. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
  /** A DATA frame of so many bytes begins; its content follows. */
  onDataFrame(flags: number, streamId: number, length: number): void;
  /** So many bytes of it are padding and its length. They come before and behind the content, which may be empty. */
  onDataPadding(bytes: number, hasContent: boolean): void;
  /** A piece of its content, never empty. Returns the position behind the bytes that were taken, at least one. */
  onDataPiece(bytes: Buffer, start: number, end: number): number;
  /** All of its content was handed over. */
  onDataFrameEnd(): void;
}

export class FrameReader {
  readonly #receiver: FrameReceiver;
  readonly #turn: Pick<ReadTurn, 'isOver'>;
  readonly #maxDataBytes: number;
  /** Bytes of the preface that were seen. */
  #prefaceSeen = 0;
  /** Bytes of the current DATA frame that have not arrived: content, and the padding behind it. */
  #dataLeft = 0;
  #paddingLeft = 0;
  /** The next byte of the current DATA frame is the length of its padding. */
  #isPadded = false;
  /** A frame, or the beginning of one, that arrived in several reads. Made when first needed. */
  #carry: Buffer | null = null;
  #carried = 0;
  #isStopped = false;

  /** @param maxDataBytes of a DATA frame; any other has at most 16 KiB, which each peer may send. */
  constructor(receiver: FrameReceiver, turn: Pick<ReadTurn, 'isOver'>, maxDataBytes: number) {
    this.#receiver = receiver;
    this.#turn = turn;
    this.#maxDataBytes = maxDataBytes;
  }

  get hasPreface(): boolean {
    return this.#prefaceSeen === clientPreface.length;
  }

  /**
   * Returns where it stopped: before `end` when the connection's share of the turn is over.
   *
   * @throws ConnectionError, also from the receiver; the reader is of no more use then.
   */
  push(bytes: Buffer, from: number, end: number): number {
    let at = this.hasPreface ? from : this.#preface(bytes, from, end);
    while (at < end && !this.#isStopped) {
      if (this.#dataLeft > 0) at = this.#isPadded ? this.#padding(bytes, at) : this.#dataPiece(bytes, at, end);
      else if (this.#paddingLeft > 0) at = this.#skipPadding(at, end);
      else if (this.#carried > 0) at = this.#continueCarried(bytes, at, end);
      else at = this.#frame(bytes, at, end);
      if (this.#turn.isOver()) break;
    }
    return this.#isStopped ? end : at;
  }

  /** Hands nothing over any more, not even the rest of the current read. */
  stop(): void {
    this.#isStopped = true;
  }

  /** @throws ConnectionError */
  #checkLarge(type: number, length: number): void {
    const most = type === frameType.data ? this.#maxDataBytes : defaultFrameBytes;
    if (length > most) throw frameSizeError(`a frame of type ${type} has ${length} bytes, expected at most ${most}`);
  }

  #preface(bytes: Buffer, from: number, end: number): number {
    let at = from;
    while (at < end && this.#prefaceSeen < clientPreface.length) {
      if (bytes[at++] !== clientPreface[this.#prefaceSeen++])
        throw protocolError('the connection preface is not HTTP/2');
    }
    return at;
  }

  #frame(bytes: Buffer, at: number, end: number): number {
    if (end - at < frameHeadBytes) return this.#keep(bytes, at, end);
    const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    const type = bytes[at + 3] as number;
    if (length > defaultFrameBytes) this.#checkLarge(type, length);
    const flags = bytes[at + 4] as number;
    const content = at + frameHeadBytes;
    if (type === frameType.data) {
      this.#beginData(flags, readUint31(bytes, at + 5), length);
      return content;
    }
    if (content + length > end) return this.#keep(bytes, at, end);
    this.#receiver.onFrame(type, flags, readUint31(bytes, at + 5), bytes, content, content + length);
    return content + length;
  }

  #beginData(flags: number, streamId: number, length: number): void {
    this.#receiver.onDataFrame(flags, streamId, length);
    this.#isPadded = (flags & frameFlag.padded) !== 0;
    if (this.#isPadded && length === 0) throw frameSizeError('a padded frame has no length of its padding');
    this.#dataLeft = length;
    if (length === 0) this.#receiver.onDataFrameEnd();
  }

  #padding(bytes: Buffer, at: number): number {
    const padding = bytes[at] as number;
    if (padding >= this.#dataLeft) throw protocolError('padding is longer than its frame');
    this.#isPadded = false;
    this.#dataLeft -= 1 + padding;
    this.#paddingLeft = padding;
    this.#receiver.onDataPadding(1 + padding, this.#dataLeft > 0);
    this.#endData();
    return at + 1;
  }

  #skipPadding(at: number, end: number): number {
    const skipped = Math.min(this.#paddingLeft, end - at);
    this.#paddingLeft -= skipped;
    this.#endData();
    return at + skipped;
  }

  #endData(): void {
    if (this.#dataLeft === 0 && this.#paddingLeft === 0) this.#receiver.onDataFrameEnd();
  }

  #dataPiece(bytes: Buffer, at: number, end: number): number {
    const until = end - at < this.#dataLeft ? end : at + this.#dataLeft;
    const taken = this.#receiver.onDataPiece(bytes, at, until);
    this.#dataLeft -= taken - at;
    this.#endData();
    return taken;
  }

  #keep(bytes: Buffer, at: number, end: number): number {
    this.#carry ??= Buffer.allocUnsafeSlow(frameHeadBytes + defaultFrameBytes);
    bytes.copy(this.#carry, 0, at, end);
    this.#carried = end - at;
    return end;
  }

  #continueCarried(bytes: Buffer, from: number, end: number): number {
    const carry = this.#carry as Buffer;
    let at = from;
    while (this.#carried < frameHeadBytes && at < end) carry[this.#carried++] = bytes[at++] as number;
    if (this.#carried < frameHeadBytes) return at;
    const length = carry.readUIntBE(0, 3);
    const type = carry[3] as number;
    if (length > defaultFrameBytes) this.#checkLarge(type, length);
    const flags = carry[4] as number;
    if (type === frameType.data) {
      this.#carried = 0;
      this.#beginData(flags, readUint31(carry, 5), length);
      return at;
    }
    const missing = frameHeadBytes + length - this.#carried;
    const taken = Math.min(missing, end - at);
    bytes.copy(carry, this.#carried, at, at + taken);
    this.#carried += taken;
    if (taken < missing) return at + taken;
    this.#carried = 0;
    this.#receiver.onFrame(type, flags, readUint31(carry, 5), carry, frameHeadBytes, frameHeadBytes + length);
    return at + taken;
  }
}
