/**
 * One request and its answer (RFC 9113, section 5). The connection makes a stream; its handler drives it. Data beyond
 * the peer's windows waits here, in order, until they open.
 */

import type { ConnectionIntake } from './connection-intake.ts';
import { type ConnectionError, errorCode } from './error-code.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { HeaderField } from './header-field.ts';
import type { Http2Limits } from './limits.ts';
import type { PeerAccount } from './peer-account.ts';

/** Receives the events of a request. Nothing is called after `onClosed`, and nothing after the answer has ended. */
export interface StreamReceiver {
  /**
   * Content, never empty: a range of a buffer that is reused after the call. A receiver that has done enough at a time
   * returns the position behind what it has taken, at least one byte, and gets the rest again, maybe in a later turn of
   * the event loop. If it returns anything else, it has taken all.
   */
  onData(bytes: Buffer, start: number, end: number): unknown;
  /** The peer sends no more. */
  onEnd(): void;
  /** The peer reset the stream, or the connection was lost, before the answer had ended. */
  onClosed(): void;
}

/** Answers requests. */
export interface RequestHandler {
  /**
   * A request begins. Sets `stream.receiver` before it returns, unless it has answered already.
   *
   * @param fields Well formed and with method, scheme and path; the handler may keep them.
   */
  onRequest(stream: Http2Stream, fields: readonly HeaderField[]): void;
  /** An unexpected exception, which is a bug. Its connection was ended; other connections are not affected. */
  onUnexpected(error: unknown): void;
}

/** The part of a connection that its streams and their handlers may use. */
export interface StreamConnection {
  /** Null when nothing is counted. */
  readonly account: PeerAccount | null;
  readonly writer: FrameWriter;
  readonly intake: ConnectionIntake;
  readonly limits: Http2Limits;
  readonly streams: {
    /** Bodies that wait for the peer's windows. */
    readonly heldBytes: number;
    hold(stream: Http2Stream, bytes: number): void;
  };
  readonly lifecycle: {
    /** '' when the connection is lost. */
    readonly peerAddress: string;
  };
  /** The answer of this stream has ended. */
  answered(stream: Http2Stream): void;
  resetStream(stream: Http2Stream, code: number): void;
  /** Counts a stream that the peer made the server reset. */
  blamePeer(): void;
  /** Tells the peer and ends the connection; its streams are closed. */
  fail(error: ConnectionError): void;
}

/** A body that waits for the peer's windows. */
interface HeldBody {
  readonly pieces: readonly Buffer[];
  /** The piece that is next, and how much of it was sent. */
  next: number;
  at: number;
  /** Bytes that were not sent. */
  left: number;
  readonly onWritten: (() => void) | null;
  readonly release: (() => void) | null;
}

export class Http2Stream {
  readonly id: number;
  readonly connection: StreamConnection;
  receiver: StreamReceiver | null = null;
  /** Bytes that the peer may still send; never negative. */
  receiveWindow: number;
  /** Bytes that we may still send; negative after the peer made its initial window smaller. */
  sendWindow: number;
  isRemoteEnded = false;
  /** END_STREAM or RST_STREAM was sent or is decided. */
  isLocalEnded = false;
  isClosed = false;
  /** `content-length`, or -1. */
  announcedBytes = -1;
  receivedBytes = 0;
  /** Bytes of the current DATA frame that have not arrived; the receive window counts them already. */
  frameRestBytes = 0;
  #held: HeldBody[] | null = null;
  #heldTrailers: readonly HeaderField[] | null = null;
  /** The held body ends the answer. */
  #isDataLast = false;

  constructor(id: number, connection: StreamConnection, receiveWindow: number, sendWindow: number) {
    this.id = id;
    this.connection = connection;
    this.receiveWindow = receiveWindow;
    this.sendWindow = sendWindow;
  }

  /** '' when the connection is lost. */
  get peerAddress(): string {
    return this.connection.lifecycle.peerAddress;
  }

  get hasHeld(): boolean {
    return this.#held !== null;
  }

  /** The block into which the position from `beginData` points. */
  get target(): Buffer {
    return this.connection.writer.output.target;
  }

  /** @param isEnd The answer has no body and ends with these. */
  sendHeaders(fields: readonly HeaderField[], isEnd: boolean): void {
    if (this.isLocalEnded) return;
    if (isEnd) this.isLocalEnded = true;
    this.connection.writer.headers(this.id, fields, isEnd);
    if (isEnd) this.connection.answered(this);
  }

  /**
   * Begins a DATA frame of exactly `length` bytes: the caller writes them into `target` at the returned position in the
   * same turn, before anything else is sent. -1 when that is not possible now; then the caller uses `sendData`.
   */
  beginData(length: number): number {
    if (this.isLocalEnded || this.#held !== null || length > this.sendWindow) return -1;
    const at = this.connection.writer.beginData(this.id, length);
    if (at >= 0) this.sendWindow -= length;
    return at;
  }

  /** @param bytes Owned by the stream from now on. @param onWritten Called when they were sent. */
  sendData(bytes: Buffer, onWritten: (() => void) | null): void {
    this.sendPieces([bytes], bytes.length, onWritten, null);
  }

  /**
   * Sends a body that lies in several places.
   *
   * @param pieces Not empty ones, which do not change until `release`.
   * @param bytes Of all pieces.
   * @param release Called once, when no piece is read any more: they were sent, or never will be.
   */
  sendPieces(
    pieces: readonly Buffer[],
    bytes: number,
    onWritten: (() => void) | null,
    release: (() => void) | null,
  ): void {
    if (this.isLocalEnded) {
      release?.();
      return;
    }
    const body: HeldBody = { pieces, next: 0, at: 0, left: bytes, onWritten, release };
    if (this.#held === null) this.#held = [body];
    else this.#held.push(body);
    this.connection.streams.hold(this, bytes);
  }

  /** Ends the answer with these bytes; at least one. */
  sendLastData(bytes: Buffer): void {
    if (this.isLocalEnded) return;
    this.#isDataLast = true;
    this.sendData(bytes, null);
    this.isLocalEnded = true;
    if (this.#held === null) this.connection.answered(this);
  }

  /** Ends the answer. */
  sendTrailers(fields: readonly HeaderField[]): void {
    if (this.isLocalEnded) return;
    this.isLocalEnded = true;
    if (this.#held !== null) {
      this.#heldTrailers = fields;
      return;
    }
    this.connection.writer.headers(this.id, fields, true);
    this.connection.answered(this);
  }

  /** Resets the stream. Nothing is called on its receiver any more. */
  reset(code: number): void {
    if (this.isClosed) return;
    this.connection.resetStream(this, code);
  }

  /** The handler has taken these received bytes: the connection's window opens by them. */
  take(bytes: number): void {
    this.connection.intake.credit(bytes);
  }

  /** Lets the peer send so many bytes at once, besides those that the receiver has been given. */
  grant(bytes: number): void {
    const missing = bytes - this.receiveWindow - this.frameRestBytes;
    if (missing <= 0 || this.isRemoteEnded || this.isClosed) return;
    this.connection.writer.windowUpdate(this.id, missing);
    this.receiveWindow += missing;
  }

  /** Opens the window again to its full size, less the held bytes; only when that is worth a frame. */
  replenish(heldBytes: number): void {
    const full = this.connection.limits.streamWindowBytes;
    if (full - heldBytes - this.receiveWindow >= full / 2) this.grant(full - heldBytes);
  }

  /** For the connection: sends as much as the windows allow. Returns the bytes sent. */
  pump(): number {
    const held = this.#held;
    if (held === null) return 0;
    let sent = 0;
    while (held.length > 0) {
      const body = held[0] as HeldBody;
      const taken = this.#pumpBody(body, this.#isDataLast && held.length === 1);
      sent += taken;
      if (body.left > 0) {
        if (taken === 0) break;
        continue;
      }
      held.shift();
      const { output } = this.connection.writer;
      if (body.onWritten !== null) output.onWritten(body.onWritten);
      if (body.release !== null) output.releaseWhenSent(body.release);
    }
    if (held.length === 0) this.#heldAreSent();
    return sent;
  }

  /** Sends at most one frame, and returns the bytes of the body in it. */
  #pumpBody(body: HeldBody, isLast: boolean): number {
    const piece = body.pieces[body.next] as Buffer;
    const room = Math.min(this.sendWindow, piece.length - body.at);
    if (room <= 0) return 0;
    const isLastPiece = body.next === body.pieces.length - 1;
    const taken = this.connection.writer.data(this.id, piece, body.at, room, isLast && isLastPiece);
    body.at += taken;
    body.left -= taken;
    this.sendWindow -= taken;
    if (body.at === piece.length) {
      body.next++;
      body.at = 0;
    }
    return taken;
  }

  /** For the connection: drops the held bytes and returns their number. */
  dropHeld(): number {
    let dropped = 0;
    for (const { next, at, left, release } of this.#held ?? []) {
      dropped += left;
      if (release === null) continue;
      // What was sent of it may still be on its way to the socket.
      if (next > 0 || at > 0) this.connection.writer.output.releaseWhenSent(release);
      else release();
    }
    this.#held = null;
    this.#heldTrailers = null;
    return dropped;
  }

  /** For the connection: the stream has ended. Returns the receiver to notify if its answer had not ended. */
  shut(): StreamReceiver | null {
    const receiver = this.isLocalEnded ? null : this.receiver;
    this.receiver = null;
    this.isClosed = true;
    this.isLocalEnded = true;
    return receiver;
  }

  #heldAreSent(): void {
    this.#held = null;
    if (!this.isLocalEnded) return;
    if (this.#heldTrailers !== null) this.connection.writer.headers(this.id, this.#heldTrailers, true);
    this.#heldTrailers = null;
    this.connection.answered(this);
  }

  /** For the connection: the peer broke a rule of the stream, which cannot go on; the connection can. */
  fail(code: number): void {
    this.connection.blamePeer();
    const receiver = this.receiver;
    const wasAnswered = this.isLocalEnded;
    this.connection.resetStream(this, code);
    if (!wasAnswered) receiver?.onClosed();
  }

  /** The peer has sent its last byte. */
  remoteEnded(): void {
    this.isRemoteEnded = true;
    if (this.announcedBytes >= 0 && this.announcedBytes !== this.receivedBytes) this.fail(errorCode.protocolError);
    else if (!this.isLocalEnded) this.receiver?.onEnd();
  }
}
