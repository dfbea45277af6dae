/**
 * How a connection begins, is kept alive and ends: SETTINGS, PING, GOAWAY and the time limits. A graceful end has two
 * steps (RFC 9113, section 6.8): the first GOAWAY asks the peer to open no more streams; when the peer must have
 * read it, the second one names the last stream that is served.
 */

import type { Duplex } from 'node:stream';
import { addressOfPeer } from '../sockets/peer-address.ts';
import type { IsMemoryShort } from '../sockets/socket-keeper.ts';
import type { SocketReading } from '../sockets/socket-reading.ts';
import { StallWatch, stallLimitMs } from '../sockets/stall-watch.ts';
import { type ConnectionError, calmDown, errorCode, protocolError } from './error-code.ts';
import { defaultWindowBytes, maxStreamId } from './frame-format.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { Http2Limits } from './limits.ts';
import { settingId } from './peer-settings.ts';
import type { StreamTable } from './stream-table.ts';

/** How long the peer may take to close its side after the last GOAWAY. */
const closeGraceMs = 1000;

/** The most answers to PING and SETTINGS that the peer has not read. */
const maxUnreadReplies = 1000;

/** The part of a connection that its life cycle needs. */
interface LifecycleOwner {
  readonly writer: FrameWriter;
  readonly streams: StreamCounts;
  readonly hasHandshake: boolean;
  /** The start of an incomplete header block; null when there is none. */
  readonly openBlockSinceMs: number | null;
  /** Tells the peer and ends the connection; its streams are closed. */
  fail(error: ConnectionError): void;
}

type StreamCounts = Pick<StreamTable, 'lastId' | 'size' | 'heldBytes' | 'pumpedBytes'>;

export class ConnectionLifecycle {
  /** Received bytes are no longer read. */
  isFailed = false;
  /** Streams with a higher id are not accepted. */
  lastAcceptedId = maxStreamId;
  readonly #connection: LifecycleOwner;
  readonly #socket: Duplex;
  readonly #reading: SocketReading;
  readonly #limits: Http2Limits;
  readonly #stall: StallWatch;
  readonly #isMemoryShort: IsMemoryShort | null;
  readonly #startedAtMs: number;
  readonly #ageMs: number;
  #receivedAtMs: number;
  #hasReceived = false;
  #pingedAtMs = -1;
  #goingSinceMs = -1;
  #isClosing = false;
  /** The time of the first tick after the end. */
  #closingSinceMs = -1;
  #agedAtMs = -1;
  #unreadReplies = 0;
  /** The bytes of waiting bodies that had been sent at the last check, and the time of the last change. */
  #pumpedBytes = 0;
  #pumpedAtMs: number;

  constructor(
    connection: LifecycleOwner,
    socket: Duplex,
    reading: SocketReading,
    limits: Http2Limits,
    isMemoryShort: IsMemoryShort | null,
    nowMs: number,
  ) {
    this.#connection = connection;
    this.#socket = socket;
    this.#reading = reading;
    this.#limits = limits;
    this.#isMemoryShort = isMemoryShort;
    this.#stall = new StallWatch(connection.writer.output, nowMs);
    this.#startedAtMs = nowMs;
    this.#receivedAtMs = nowMs;
    this.#pumpedAtMs = nowMs;
    // Connections that began together should not all reconnect together.
    this.#ageMs = limits.maxConnectionAgeMs * (0.9 + 0.2 * Math.random());
  }

  /** Address of the peer, '' when the connection is lost. */
  get peerAddress(): string {
    return addressOfPeer(this.#socket);
  }

  /** Sends our SETTINGS, and the window of the connection. */
  greet(): void {
    const { maxConcurrentStreams, streamWindowBytes, maxFrameBytes, maxHeaderListBytes, connectionWindowBytes } =
      this.#limits;
    const settings: readonly (readonly [id: number, value: number])[] = [
      [settingId.maxConcurrentStreams, maxConcurrentStreams],
      [settingId.initialWindowSize, streamWindowBytes],
      [settingId.maxFrameSize, maxFrameBytes],
      [settingId.maxHeaderListSize, maxHeaderListBytes],
    ];
    const { writer } = this.#connection;
    writer.settings(settings);
    if (connectionWindowBytes > defaultWindowBytes) writer.windowUpdate(0, connectionWindowBytes - defaultWindowBytes);
  }

  /** Bytes arrived from the peer. The time is accurate to a second, which is enough and needs no clock. */
  received(): void {
    this.#hasReceived = true;
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

  /** Asks the peer to open no more streams; the connection ends when the open ones have ended. */
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

  /** Stops reading from a peer that does not read its answers (backpressure). */
  pauseIfBehind(): void {
    if (this.#connection.writer.output.unsentBytes > this.#limits.maxUnsentBytes) this.#reading.pause();
  }

  resumeReading(): void {
    this.#reading.resume();
  }

  /** The last stream has ended. */
  idle(): void {
    if (this.lastAcceptedId !== maxStreamId) this.#close();
  }

  tick(nowMs: number): void {
    if (this.#hasReceived) this.#receivedAtMs = nowMs;
    this.#hasReceived = false;
    if (this.#isClosing) {
      // The last answers are not cut off as long as the peer reads them.
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
    // Replies that the socket has taken do not count.
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
    // A peer can also stall by opening no window.
    const limitMs = stallLimitMs(this.#limits, this.#isMemoryShort);
    const isHeldUp = nowMs - this.#pumpedAtMs >= limitMs;
    if (this.#stall.isStalled(nowMs, limitMs) || isHeldUp) this.#socket.destroy();
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
      if (this.#receivedAtMs > this.#pingedAtMs) this.#pingedAtMs = -1;
      else if (nowMs - this.#pingedAtMs >= keepaliveTimeoutMs) this.#socket.destroy();
    } else if (nowMs - this.#receivedAtMs >= keepaliveTimeMs) {
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

  /** Limits the unread replies of a peer that asks and never reads. */
  #reply(): void {
    if (this.#connection.writer.output.unsentBytes > 0 && ++this.#unreadReplies > maxUnreadReplies) {
      throw calmDown('too many frames whose answers are not read');
    }
  }
}
