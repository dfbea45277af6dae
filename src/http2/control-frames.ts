/**
 * The frames that carry no request (RFC 9113, sections 6.3 to 6.9): priorities, resets, settings, pings, windows.
 * Frames that carry no work are counted.
 */

import type { AbuseGuard } from './abuse-guard.ts';
import type { ConnectionLifecycle } from './connection-lifecycle.ts';
import { ConnectionError, errorCode, frameSizeError, protocolError } from './error-code.ts';
import { frameFlag, frameType, maxWindowBytes, readUint31 } from './frame-format.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { PeerSettings } from './peer-settings.ts';
import type { Http2Stream } from './stream.ts';
import type { StreamTable } from './stream-table.ts';

/** The part of a connection that these frames change. */
interface ControlledConnection {
  readonly writer: FrameWriter;
  readonly streams: StreamTable;
  readonly lifecycle: ConnectionLifecycle;
  readonly peer: PeerSettings;
  /** Whether the peer has not opened that stream. */
  isIdle(streamId: number): boolean;
  /** Ends a stream for an error of the peer, whether it is open or not. */
  streamError(streamId: number, code: number): void;
  /** The peer reset the stream. */
  resetByPeer(stream: Http2Stream): void;
}

export class ControlFrames {
  /** The peer's first SETTINGS have arrived. */
  hasSettings = false;
  readonly #connection: ControlledConnection;
  readonly #guard: AbuseGuard;

  constructor(connection: ControlledConnection, guard: AbuseGuard) {
    this.#connection = connection;
    this.#guard = guard;
  }

  /** Any frame but DATA, HEADERS and CONTINUATION. @throws ConnectionError */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case frameType.windowUpdate:
        this.#onWindowUpdate(streamId, bytes, start, end);
        return;
      case frameType.resetStream:
        this.#onReset(streamId, start, end);
        return;
      case frameType.settings:
        this.#onSettings(flags, streamId, bytes, start, end);
        return;
      case frameType.ping:
        this.#onPing(flags, streamId, bytes, start, end);
        return;
      case frameType.priority:
        this.#onPriority(streamId, bytes, start, end);
        return;
      case frameType.goAway:
        if (streamId !== 0) throw protocolError('GOAWAY names a stream');
        if (end - start < 8) throw frameSizeError('GOAWAY is too short');
        this.#guard.idleFrame();
        return;
      case frameType.pushPromise:
        throw protocolError('a client sent PUSH_PROMISE');
      default:
        this.#guard.idleFrame();
    }
  }

  #onPriority(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) throw protocolError('PRIORITY names no stream');
    this.#guard.idleFrame();
    if (end - start !== 5) this.#connection.streamError(streamId, errorCode.frameSizeError);
    else if (readUint31(bytes, start) === streamId) this.#connection.streamError(streamId, errorCode.protocolError);
  }

  #onReset(streamId: number, start: number, end: number): void {
    if (end - start !== 4) throw frameSizeError('RST_STREAM is not 4 bytes long');
    const stream = this.#connection.streams.get(streamId);
    if (stream === undefined) {
      if (this.#connection.isIdle(streamId)) throw protocolError('RST_STREAM for a stream that is idle');
      this.#guard.idleFrame();
      return;
    }
    this.#guard.reset();
    this.#connection.resetByPeer(stream);
  }

  #onSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw protocolError('SETTINGS names a stream');
    if ((flags & frameFlag.ack) !== 0) {
      if (end !== start) throw frameSizeError('an acknowledgement of SETTINGS has content');
      this.#guard.idleFrame();
      return;
    }
    if ((end - start) % 6 !== 0) throw frameSizeError('SETTINGS is not a multiple of 6 bytes long');
    if (this.hasSettings) this.#guard.idleFrame();
    this.hasSettings = true;
    const { peer, writer, lifecycle } = this.#connection;
    const windowBefore = peer.initialWindowBytes;
    peer.apply(bytes, start, end);
    writer.encoder.setMaxTableBytes(peer.smallestTableBytes);
    writer.encoder.setMaxTableBytes(peer.headerTableBytes);
    lifecycle.acknowledgeSettings();
    if (peer.initialWindowBytes !== windowBefore) this.#moveWindows(peer.initialWindowBytes - windowBefore);
  }

  #moveWindows(change: number): void {
    for (const stream of this.#connection.streams.all()) {
      stream.sendWindow += change;
      if (stream.sendWindow > maxWindowBytes) {
        throw new ConnectionError(errorCode.flowControlError, 'SETTINGS opens a window beyond the largest');
      }
    }
    if (change > 0) this.#connection.streams.pumpAll();
  }

  #onPing(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw protocolError('PING names a stream');
    if (end - start !== 8) throw frameSizeError('PING is not 8 bytes long');
    this.#guard.idleFrame();
    if ((flags & frameFlag.ack) !== 0) this.#connection.lifecycle.pingAnswered();
    else this.#connection.lifecycle.answerPing(bytes, start);
  }

  #onWindowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw frameSizeError('WINDOW_UPDATE is not 4 bytes long');
    const increment = readUint31(bytes, start);
    // Window updates for sent data are not abuse, whatever their number.
    if (!this.#connection.writer.expectsUpdate()) this.#guard.idleFrame();
    if (streamId === 0) {
      if (increment === 0) throw protocolError('WINDOW_UPDATE opens the window by nothing');
      this.#connection.writer.sendWindow += increment;
      if (this.#connection.writer.sendWindow > maxWindowBytes) {
        throw new ConnectionError(errorCode.flowControlError, 'WINDOW_UPDATE opens the window beyond the largest');
      }
      this.#connection.streams.pumpAll();
      return;
    }
    const stream = this.#connection.streams.get(streamId);
    if (stream === undefined) {
      if (this.#connection.isIdle(streamId)) throw protocolError('WINDOW_UPDATE for a stream that is idle');
      return;
    }
    if (increment === 0) {
      stream.fail(errorCode.protocolError);
      return;
    }
    stream.sendWindow += increment;
    if (stream.sendWindow > maxWindowBytes) stream.fail(errorCode.flowControlError);
    else if (stream.hasHeld) this.#connection.streams.pump(stream);
  }
}
