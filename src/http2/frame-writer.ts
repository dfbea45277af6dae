/**
 * Writes the outgoing frames of a connection. It knows the peer's settings, the window of the connection and the
 * encoder's table, since all three limit what may be written; it knows nothing of the state of streams.
 */

import type { SocketWriter } from '../sockets/socket-writer.ts';
import { maxReservedBytes } from '../sockets/socket-writer.ts';
import {
  defaultFrameBytes,
  defaultWindowBytes,
  frameFlag,
  frameHeadBytes,
  frameType,
  writeFrameHead,
  writeUint32,
} from './frame-format.ts';
import type { HeaderField } from './header-field.ts';
import { HpackEncoder } from './hpack/encoder.ts';
import type { PeerSettings } from './peer-settings.ts';

/** Bodies up to this are copied after their frame's head; larger ones are cheaper to send without a copy. */
const maxCopiedBytes = 4096;

const pingBytes = 8;

export class FrameWriter {
  readonly output: SocketWriter;
  readonly encoder = new HpackEncoder();
  readonly #peer: PeerSettings;
  /** The send window of all streams together. */
  sendWindow = defaultWindowBytes;
  /** WINDOW_UPDATEs that the sent DATA frames may cause: one for the stream and one for the connection each. */
  #updatesDue = 0;
  #isShut = false;

  constructor(output: SocketWriter, peer: PeerSettings) {
    this.output = output;
    this.#peer = peer;
  }

  headers(streamId: number, fields: readonly HeaderField[], isEnd: boolean): void {
    if (this.#isShut) return;
    const bound = this.encoder.boundOf(fields);
    if (bound > defaultFrameBytes) throw new RangeError(`header fields of up to ${bound} bytes do not fit a frame`);
    const flags = frameFlag.endHeaders | (isEnd ? frameFlag.endStream : 0);
    const at = this.output.reserve(frameHeadBytes + bound);
    const { target } = this.output;
    const end = this.encoder.encode(fields, target, at + frameHeadBytes);
    writeFrameHead(target, at, end - at - frameHeadBytes, frameType.headers, flags, streamId);
    this.output.commit(end);
  }

  /**
   * Begins a DATA frame of exactly `length` bytes, which the caller writes to `output.target` at the returned position
   * before anything else is written. -1 when one frame or the window has no room for so much.
   */
  beginData(streamId: number, length: number): number {
    if (length > this.sendWindow || length > this.#peer.maxFrameBytes || this.#isShut) return -1;
    if (frameHeadBytes + length > maxReservedBytes) return -1;
    this.sendWindow -= length;
    this.#updatesDue += 2;
    const at = this.output.reserve(frameHeadBytes + length);
    const content = writeFrameHead(this.output.target, at, length, frameType.data, 0, streamId);
    this.output.commit(content + length);
    return content;
  }

  /**
   * Sends as much of a body as one frame and the window of the connection allow. Returns the number of bytes.
   *
   * @param isLast The stream ends with the end of this body.
   */
  data(streamId: number, bytes: Buffer, from: number, most: number, isLast: boolean): number {
    const length = Math.min(most, this.sendWindow, this.#peer.maxFrameBytes);
    if (length <= 0 || this.#isShut) return 0;
    this.sendWindow -= length;
    this.#updatesDue += 2;
    const isCopied = length <= maxCopiedBytes;
    const at = this.output.reserve(frameHeadBytes + (isCopied ? length : 0));
    const flags = isLast && from + length === bytes.length ? frameFlag.endStream : 0;
    const content = writeFrameHead(this.output.target, at, length, frameType.data, flags, streamId);
    if (isCopied) {
      bytes.copy(this.output.target, content, from, from + length);
      this.output.commit(content + length);
    } else {
      this.output.commit(content);
      this.output.append(bytes.subarray(from, from + length));
    }
    return length;
  }

  /** Whether a received WINDOW_UPDATE answers a sent frame. */
  expectsUpdate(): boolean {
    if (this.#updatesDue === 0) return false;
    this.#updatesDue--;
    return true;
  }

  windowUpdate(streamId: number, increment: number): void {
    this.#number(frameType.windowUpdate, streamId, increment);
  }

  reset(streamId: number, code: number): void {
    this.#number(frameType.resetStream, streamId, code);
  }

  settings(settings: readonly (readonly [id: number, value: number])[]): void {
    const length = settings.length * 6;
    let at = this.#begin(length, frameType.settings, 0);
    const { target } = this.output;
    for (const [id, value] of settings) {
      target[at] = 0;
      target[at + 1] = id;
      at = writeUint32(target, at + 2, value);
    }
    this.output.commit(at);
  }

  settingsAck(): void {
    this.output.commit(this.#begin(0, frameType.settings, frameFlag.ack));
  }

  /** Writes a PING of ours; its content has no meaning. */
  ping(): void {
    const at = this.#begin(pingBytes, frameType.ping, 0);
    this.output.target.fill(0, at, at + pingBytes);
    this.output.commit(at + pingBytes);
  }

  /** Writes the answer to a PING: its eight bytes. */
  pingAck(bytes: Buffer, start: number): void {
    const at = this.#begin(pingBytes, frameType.ping, frameFlag.ack);
    bytes.copy(this.output.target, at, start, start + pingBytes);
    this.output.commit(at + pingBytes);
  }

  /** @param text Plain ASCII, short. */
  goAway(lastStreamId: number, code: number, text: string): void {
    const at = this.#begin(8 + text.length, frameType.goAway, 0);
    const { target } = this.output;
    const textAt = writeUint32(target, writeUint32(target, at, lastStreamId), code);
    this.output.commit(textAt + target.write(text, textAt, 'latin1'));
  }

  /** Sends everything written, then the end. Nothing may be written after. */
  end(): void {
    this.#isShut = true;
    this.output.end();
  }

  /** Begins a frame of the connection. Returns the position of its content; the caller calls `commit`. */
  #begin(length: number, type: number, flags: number): number {
    const at = this.output.reserve(frameHeadBytes + length);
    return writeFrameHead(this.output.target, at, length, type, flags, 0);
  }

  #number(type: number, streamId: number, value: number): void {
    if (this.#isShut) return;
    const at = this.output.reserve(frameHeadBytes + 4);
    const { target } = this.output;
    this.output.commit(writeUint32(target, writeFrameHead(target, at, 4, type, 0, streamId), value));
  }
}
