/**
 * How a connection begins, is kept alive and ends: SETTINGS, PING, GOAWAY and the time limits. A graceful end has two
 * steps (RFC 9113, section 6.8): the first GOAWAY asks the peer to open no more streams; when the peer must have read
 * it, the second one names the last stream that is served.
 */

import type { Duplex } from 'node:stream';
import { addressOfPeer } from '../sockets/peer-address.ts';
import { StallWatch } from '../sockets/stall-watch.ts';
import { type ConnectionError, calmDown, errorCode, protocolError } from './error-code.ts';
import { defaultWindowBytes, maxStreamId } from './frame-format.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { Http2Limits } from './limits.ts';
import { settingId } from './peer-settings.ts';
import type { StreamTable } from './stream-table.ts';

/** After the end was decided, the peer gets so long to close from its side. */
const closeGraceMs = 1000;

/** Answers to PING and SETTINGS that the peer has not read. */
const maxUnreadReplies = 1000;

/** The connection, as far as its life depends on it. */
export interface LivingConnection {
  readonly writer: FrameWriter;
  readonly streams: StreamCounts;
  readonly hasHandshake: boolean;
  /** When the header block began that is not complete; null when there is none. */
  readonly openBlockSinceMs: number | null;
  /** Tells the peer and ends the connection; its streams are closed. */
  fail(error: ConnectionError): void;
}

type StreamCounts = Pick<StreamTable, 'lastId' | 'size' | 'heldBytes' | 'pumpedBytes'>;

export class ConnectionLife {
  /** Nothing that comes is looked at any more. */
  isFailed = false;
  /** Streams above it are not taken. */
  lastAcceptedId = maxStreamId;
  readonly #connection: LivingConnection;
  readonly #socket: Duplex;
  readonly #limits: Http2Limits;
  readonly #stall: StallWatch;
  readonly #startedAtMs: number;
  readonly #ageMs: number;
  #heardAtMs: number;
  #hasHeard = false;
  #pingedAtMs = -1;
  #goingSinceMs = -1;
  #isClosing = false;
  /** The first tick behind the end. */
  #closingSinceMs = -1;
  #agedAtMs = -1;
  #unreadReplies = 0;
  /** Of bodies that wait for windows: what had left at the last look, and when that had changed. */
  #pumpedBytes = 0;
  #pumpedAtMs: number;

  constructor(connection: LivingConnection, socket: Duplex, limits: Http2Limits, nowMs: number) {
    this.#connection = connection;
    this.#socket = socket;
    this.#limits = limits;
    this.#stall = new StallWatch(connection.writer.output, limits.stallTimeoutMs, nowMs);
    this.#startedAtMs = nowMs;
    this.#heardAtMs = nowMs;
    this.#pumpedAtMs = nowMs;
    // Connections that began together do not all come back together.
    this.#ageMs = limits.maxConnectionAgeMs * (0.9 + 0.2 * Math.random());
  }

  /** Address of the peer, '' when it is gone. */
  get peerAddress(): string {
    return addressOfPeer(this.#socket);
  }

  /** Our SETTINGS, and the window of the connection. */
  greet(): void {
    const { maxConcurrentStreams, streamWindowBytes, maxHeaderListBytes, connectionWindowBytes } = this.#limits;
    const settings: readonly (readonly [id: number, value: number])[] = [
      [settingId.maxConcurrentStreams, maxConcurrentStreams],
      [settingId.initialWindowSize, streamWindowBytes],
      [settingId.maxHeaderListSize, maxHeaderListBytes],
    ];
    const { writer } = this.#connection;
    writer.settings(settings);
    if (connectionWindowBytes > defaultWindowBytes) writer.windowUpdate(0, connectionWindowBytes - defaultWindowBytes);
  }

  /** Something came from the peer. When is known to the second, which is exact enough and costs no look at the clock. */
  heard(): void {
    this.#hasHeard = true;
  }

  acknowledgeSettings(): void {
    this.#reply();
    this.#connection.writer.settingsAck();
  }

  answerPing(bytes: Buffer, start: number): void {
    this.#reply();
    this.#connection.writer.pingAck(bytes, start);
  }

  /** The peer has read everything that was sent before a PING of ours. */
  pingAnswered(): void {
    this.#pingedAtMs = -1;
    if (this.#goingSinceMs >= 0) this.#lastGoAway();
  }

  /** Asks the peer to open no more streams; the connection ends when those that are open have ended. */
  goAway(nowMs: number): void {
    if (this.isFailed || this.#goingSinceMs >= 0) return;
    this.#goingSinceMs = nowMs;
    this.#connection.writer.goAway(maxStreamId, errorCode.noError, '');
    this.#ping(nowMs);
  }

  fail(error: ConnectionError): void {
    this.isFailed = true;
    this.#connection.writer.goAway(this.#connection.streams.lastId, error.code, error.message);
    this.#close();
  }

  /** Who does not read its answers is not read from either. */
  pauseIfBehind(): void {
    if (this.#connection.writer.output.unsentBytes > this.#limits.maxUnsentBytes) this.#socket.pause();
  }

  readOn(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  /** The last stream has ended. */
  idle(): void {
    if (this.lastAcceptedId !== maxStreamId) this.#close();
  }

  tick(nowMs: number): void {
    if (this.#hasHeard) this.#heardAtMs = nowMs;
    this.#hasHeard = false;
    if (this.#isClosing) {
      // What the peer still reads of its last answers is not cut off, as long as it reads.
      if (this.#closingSinceMs < 0) this.#closingSinceMs = nowMs;
      if (!this.isFailed && this.#connection.writer.output.unsentBytes > 0) {
        this.#closingSinceMs = nowMs;
        this.#checkStall(nowMs);
      } else if (nowMs - this.#closingSinceMs >= closeGraceMs) this.#socket.destroy();
      return;
    }
    this.#checkHandshake(nowMs);
    this.#checkStall(nowMs);
    this.#checkAge(nowMs);
    this.#keepAlive(nowMs);
    if (this.#goingSinceMs >= 0 && nowMs - this.#goingSinceMs >= closeGraceMs) this.#lastGoAway();
    // Replies of the last second that the socket has taken are no burden.
    if (this.#connection.writer.output.unsentBytes === 0) this.#unreadReplies = 0;
  }

  #checkHandshake(nowMs: number): void {
    const since = this.#connection.hasHandshake ? this.#connection.openBlockSinceMs : this.#startedAtMs;
    if (since === null || nowMs - since < this.#limits.handshakeTimeoutMs) return;
    const what = this.#connection.hasHandshake ? 'a header block' : 'the connection preface';
    this.#connection.fail(protocolError(`${what} was not complete in time`));
  }

  #checkStall(nowMs: number): void {
    const { heldBytes, pumpedBytes } = this.#connection.streams;
    if (heldBytes === 0 || pumpedBytes !== this.#pumpedBytes) this.#pumpedAtMs = nowMs;
    this.#pumpedBytes = pumpedBytes;
    // A peer may also take nothing by opening no window.
    const isHeldUp = nowMs - this.#pumpedAtMs >= this.#limits.stallTimeoutMs;
    if (this.#stall.isStalled(nowMs) || isHeldUp) this.#socket.destroy();
  }

  #checkAge(nowMs: number): void {
    if (this.#agedAtMs < 0) {
      if (nowMs - this.#startedAtMs < this.#ageMs) return;
      this.#agedAtMs = nowMs;
      this.goAway(nowMs);
    } else if (nowMs - this.#agedAtMs >= this.#limits.maxConnectionAgeGraceMs) {
      this.#socket.destroy();
    }
  }

  #keepAlive(nowMs: number): void {
    const { keepaliveTimeMs, keepaliveTimeoutMs } = this.#limits;
    if (this.#pingedAtMs >= 0) {
      if (this.#heardAtMs > this.#pingedAtMs) this.#pingedAtMs = -1;
      else if (nowMs - this.#pingedAtMs >= keepaliveTimeoutMs) this.#socket.destroy();
    } else if (nowMs - this.#heardAtMs >= keepaliveTimeMs) {
      this.#ping(nowMs);
    }
  }

  #ping(nowMs: number): void {
    this.#pingedAtMs = nowMs;
    this.#connection.writer.ping();
  }

  #lastGoAway(): void {
    if (this.lastAcceptedId !== maxStreamId || this.isFailed) return;
    this.lastAcceptedId = this.#connection.streams.lastId;
    this.#connection.writer.goAway(this.lastAcceptedId, errorCode.noError, '');
    if (this.#connection.streams.size === 0) this.#close();
  }

  #close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#connection.writer.end();
  }

  /** A peer that asks and never reads would have us keep its answers for ever. */
  #reply(): void {
    if (this.#connection.writer.output.unsentBytes > 0 && ++this.#unreadReplies > maxUnreadReplies) {
      throw calmDown('too many frames whose answers are not read');
    }
  }
}
