/**
 * One HTTP/2 connection, seen from the server (RFC 9113): the effect of each frame on streams, windows and tables.
 * Everything happens in the turn in which the bytes arrived. Frames are cut in frame-reader.ts and written in
 * frame-writer.ts; sockets and timers belong to server.ts, which calls `tick` about once a second.
 */

import type { Duplex } from 'node:stream';
import { AbuseGuard } from './abuse-guard.ts';
import type { ChunkPool } from '../sockets/chunk-pool.ts';
import type { Http2Clock } from './clock.ts';
import { ConnectionIntake } from './connection-intake.ts';
import { ConnectionLifecycle } from './connection-lifecycle.ts';
import type { IsMemoryShort, SocketUser } from '../sockets/socket-keeper.ts';
import type { ReadTurn } from '../sockets/read-turn.ts';
import { type ByteReader, SocketReading } from '../sockets/socket-reading.ts';
import { SocketWriter } from '../sockets/socket-writer.ts';
import { ControlFrames } from './control-frames.ts';
import { ConnectionError, connectionErrorOf, errorCode, protocolError } from './error-code.ts';
import type { FlushTurn } from '../sockets/flush-turn.ts';
import { frameFlag, frameType } from './frame-format.ts';
import { FrameReader, type FrameReceiver } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import { HeaderField } from './header-field.ts';
import { HeaderFrames } from './header-frames.ts';
import type { Http2Limits } from './limits.ts';
import type { PeerAccount } from './peer-account.ts';
import { PeerSettings } from './peer-settings.ts';
import { areTrailers, checkRequest, malformed } from './request-check.ts';
import { Http2Stream, type RequestHandler } from './stream.ts';
import { StreamTable } from './stream-table.ts';

/** The parts that all connections of a server share. */
export interface ConnectionSurroundings {
  readonly handler: RequestHandler;
  readonly limits: Http2Limits;
  readonly clock: Http2Clock;
  readonly pool: ChunkPool;
  readonly turn: FlushTurn;
  readonly readTurn: ReadTurn;
  /** Opens the account of a connection; absent or null: nothing is counted. */
  readonly openAccount?: (() => PeerAccount) | null;
  readonly isMemoryShort?: IsMemoryShort | null;
}

const tooLargeFields = [new HeaderField(':status', '431')];

export class Http2Connection implements ByteReader, FrameReceiver, SocketUser {
  readonly writer: FrameWriter;
  readonly streams: StreamTable;
  readonly limits: Http2Limits;
  readonly lifecycle: ConnectionLifecycle;
  readonly intake: ConnectionIntake;
  readonly peer = new PeerSettings();
  readonly account: PeerAccount | null;
  readonly #surroundings: ConnectionSurroundings;
  readonly #reading: SocketReading;
  readonly #reader: FrameReader;
  readonly #guard: AbuseGuard;
  readonly #control: ControlFrames;
  readonly #headers: HeaderFrames;
  /** The stream of the current DATA frame; null when its content is dropped. */
  #dataStream: Http2Stream | null = null;
  #isDataEnd = false;

  constructor(socket: Duplex, surroundings: ConnectionSurroundings) {
    const { limits, clock, pool, turn, readTurn, openAccount = null, isMemoryShort = null } = surroundings;
    this.#surroundings = surroundings;
    this.limits = limits;
    const account = openAccount?.() ?? null;
    this.account = account;
    const countWaiting = account === null ? null : (bytes: number): void => account.add(bytes);
    this.#reading = new SocketReading(socket, readTurn, this, countWaiting);
    this.#reader = new FrameReader(this, readTurn, limits.maxFrameBytes);
    this.writer = new FrameWriter(new SocketWriter(socket, pool, turn, countWaiting), this.peer);
    this.streams = new StreamTable(this.writer, countWaiting);
    this.#guard = new AbuseGuard(limits, clock.now());
    this.intake = new ConnectionIntake(this.writer, limits);
    this.lifecycle = new ConnectionLifecycle(this, socket, this.#reading, limits, isMemoryShort, clock.now());
    this.#control = new ControlFrames(this, this.#guard);
    this.#headers = new HeaderFrames(this, limits, clock);
    this.lifecycle.greet();
  }

  get hasHandshake(): boolean {
    return this.#control.hasSettings;
  }

  /** The start of an incomplete header block; null when there is none. */
  get openBlockSinceMs(): number | null {
    return this.#headers.openBlockSinceMs;
  }

  /** Takes bytes from the socket. They may be overwritten when this returns. */
  receive(bytes: Buffer, from: number, end: number): void {
    if (this.lifecycle.isFailed) return;
    this.lifecycle.received();
    this.#reading.take(bytes, from, end);
  }

  read(bytes: Buffer, from: number, end: number): number {
    let at = end;
    try {
      at = this.#reader.push(bytes, from, end);
    } catch (error) {
      const known = connectionErrorOf(error);
      if (known === null) this.#surroundings.handler.onUnexpected(error);
      this.fail(known ?? new ConnectionError(errorCode.internalError, 'the server failed on this connection'));
    }
    this.lifecycle.pauseIfBehind();
    return at;
  }

  get missingBytes(): number {
    return this.#reading.hasRest ? 0 : this.intake.missingBytes;
  }

  drained(): void {
    this.writer.output.count();
    this.lifecycle.resumeReading();
  }

  ended(): void {
    // Then the socket closes itself, which causes an event.
  }

  /** Tells the peer and ends the connection; its streams are closed. */
  fail(error: ConnectionError): void {
    if (this.lifecycle.isFailed) return;
    this.lifecycle.fail(error);
    this.#stop();
    this.writer.output.count();
  }

  /** The socket is closed. */
  lost(): void {
    this.#stop();
    this.writer.output.lost();
    this.account?.close();
  }

  /** Received bytes are no longer read. */
  #stop(): void {
    this.lifecycle.isFailed = true;
    this.#reader.stop();
    this.#reading.drop();
    this.streams.closeAll();
  }

  /** Whether the peer has not opened that stream. Streams after our last GOAWAY count as opened, and are ignored. */
  isIdle(streamId: number): boolean {
    if (streamId === 0 || (streamId & 1) === 0) return true;
    return streamId > this.streams.lastId && streamId <= this.lifecycle.lastAcceptedId;
  }

  tick(nowMs: number): void {
    this.writer.output.count();
    this.#guard.refill(nowMs);
    this.lifecycle.tick(nowMs);
  }

  // ---- received frames ----

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (!this.#control.hasSettings && (type !== frameType.settings || (flags & frameFlag.ack) !== 0)) {
      throw protocolError('the first frame is not SETTINGS');
    }
    if (this.#headers.isInBlock && type !== frameType.continuation) throw unfinishedBlock();
    switch (type) {
      case frameType.headers:
        this.#headers.onHeaders(flags, streamId, bytes, start, end);
        return;
      case frameType.continuation:
        this.#headers.onContinuation(flags, streamId, bytes, start, end);
        return;
      default:
        this.#control.onFrame(type, flags, streamId, bytes, start, end);
    }
  }

  onDataFrame(flags: number, streamId: number, length: number): void {
    if (!this.#control.hasSettings) throw protocolError('the first frame is not SETTINGS');
    if (this.#headers.isInBlock) throw unfinishedBlock();
    this.intake.arrive(length);
    this.#isDataEnd = (flags & frameFlag.endStream) !== 0;
    if (length === 0 && !this.#isDataEnd) this.#guard.idleFrame();
    this.#dataStream = this.#streamForData(streamId, length);
  }

  onDataPadding(bytes: number, hasContent: boolean): void {
    this.intake.credit(bytes);
    if (this.#dataStream !== null) this.#dataStream.frameRestBytes -= bytes;
    if (!hasContent && !this.#isDataEnd) this.#guard.idleFrame();
  }

  onDataPiece(bytes: Buffer, start: number, end: number): number {
    const stream = this.#dataStream;
    const receiver = stream?.receiver ?? null;
    if (stream === null || receiver === null || stream.isLocalEnded) {
      this.intake.credit(end - start);
      return end;
    }
    stream.receivedBytes += end - start;
    stream.frameRestBytes -= end - start;
    const taken = receiver.onData(bytes, start, end);
    if (typeof taken !== 'number') return end;
    stream.receivedBytes -= end - taken;
    stream.frameRestBytes += end - taken;
    return taken;
  }

  onDataFrameEnd(): void {
    const stream = this.#dataStream;
    this.#dataStream = null;
    if (stream === null) return;
    stream.frameRestBytes = 0;
    if (this.#isDataEnd && !stream.isClosed) stream.remoteEnded();
  }

  /** The stream that takes a DATA frame, or null when its content is to be dropped. */
  #streamForData(streamId: number, length: number): Http2Stream | null {
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (this.isIdle(streamId)) throw protocolError(`DATA for stream ${streamId}, which was not opened`);
      const isLate = this.streams.wasResetByUs(streamId) || streamId > this.streams.lastId;
      if (!isLate) this.#refuse(streamId, errorCode.streamClosed);
      return null;
    }
    if (stream.isRemoteEnded) {
      stream.fail(errorCode.streamClosed);
      return null;
    }
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) {
      stream.fail(errorCode.flowControlError);
      return null;
    }
    stream.frameRestBytes = length;
    return stream;
  }

  /** A whole header block: a request or trailers. */
  onFields(streamId: number, fields: HeaderField[], isStreamEnd: boolean): void {
    const open = this.streams.get(streamId);
    if (open !== undefined) this.#onTrailers(open, fields, isStreamEnd);
    else if (streamId > this.streams.lastId) this.#onRequest(streamId, fields, isStreamEnd);
    else if (this.streams.hasEnded(streamId)) {
      throw new ConnectionError(errorCode.streamClosed, `HEADERS for stream ${streamId}, which has ended`);
    } else if (!this.streams.wasResetByUs(streamId)) {
      throw protocolError(`stream ${streamId} is opened after a higher one`);
    }
  }

  #onTrailers(stream: Http2Stream, fields: readonly HeaderField[], isStreamEnd: boolean): void {
    if (stream.isRemoteEnded) stream.fail(errorCode.streamClosed);
    else if (!isStreamEnd || !areTrailers(fields)) stream.fail(errorCode.protocolError);
    else stream.remoteEnded();
  }

  #onRequest(streamId: number, fields: HeaderField[], isStreamEnd: boolean): void {
    // The last GOAWAY has told the peer that this stream is not accepted; it retries elsewhere.
    if (streamId > this.lifecycle.lastAcceptedId) return;
    this.streams.lastId = streamId;
    this.#guard.newStream();
    if (this.streams.size >= this.limits.maxConcurrentStreams || this.streams.heldBytes > this.limits.maxHeldBytes) {
      this.#refuse(streamId, errorCode.refusedStream);
      return;
    }
    const length = this.#headers.isTooLarge ? -1 : checkRequest(fields);
    if (length === malformed) {
      this.#refuse(streamId, errorCode.protocolError);
      return;
    }
    const { streamWindowBytes } = this.limits;
    const stream = new Http2Stream(streamId, this, streamWindowBytes, this.peer.initialWindowBytes);
    stream.announcedBytes = length;
    stream.isRemoteEnded = isStreamEnd;
    this.streams.add(stream);
    if (this.#headers.isTooLarge) stream.sendHeaders(tooLargeFields, true);
    else this.#surroundings.handler.onRequest(stream, fields);
    if (isStreamEnd && !stream.isClosed) stream.remoteEnded();
  }

  /** Ends a stream for an error of the peer, whether it is open or not. */
  streamError(streamId: number, code: number): void {
    const stream = this.streams.get(streamId);
    if (stream !== undefined) stream.fail(code);
    // A stream that is idle cannot be reset (RFC 9113, section 5.1).
    else if (this.isIdle(streamId)) throw new ConnectionError(code, `a frame for stream ${streamId} is malformed`);
    else this.#refuse(streamId, code);
  }

  /** Counts a stream that the peer made the server reset: as costly as one that the peer resets (CVE-2025-8671). */
  blamePeer(): void {
    this.#guard.reset();
  }

  /** Resets a stream that has no object here. */
  #refuse(streamId: number, code: number): void {
    this.#guard.reset();
    this.streams.rememberReset(streamId);
    this.writer.reset(streamId, code);
  }

  // ---- calls from streams ----

  /** The answer of this stream has ended. If the peer is still sending, the stream is reset. */
  answered(stream: Http2Stream): void {
    if (stream.isClosed) return;
    stream.isClosed = true;
    stream.receiver = null;
    if (!stream.isRemoteEnded) this.writer.reset(stream.id, errorCode.noError);
    // Last, because the connection may end with its last stream.
    this.#remove(stream, !stream.isRemoteEnded);
  }

  /** The peer reset the stream. */
  resetByPeer(stream: Http2Stream): void {
    this.#remove(stream, false);
    stream.shut()?.onClosed();
  }

  resetStream(stream: Http2Stream, code: number): void {
    stream.isClosed = true;
    stream.isLocalEnded = true;
    stream.receiver = null;
    this.writer.reset(stream.id, code);
    this.#remove(stream, true);
  }

  #remove(stream: Http2Stream, isResetByUs: boolean): void {
    this.streams.remove(stream, isResetByUs);
    if (this.streams.size === 0) this.lifecycle.idle();
  }
}

const unfinishedBlock = () => protocolError('another frame comes before a header block has ended');
