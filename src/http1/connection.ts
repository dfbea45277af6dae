/**
 * One HTTP/1.1 connection, seen from the server (RFC 9112): requests arrive one after the other, and their answers are
 * sent in the same order whenever they are ready. Everything happens in the turn in which the bytes arrived; sockets
 * and timers belong to server.ts, which calls `tick` about once a second.
 */

import type { Duplex } from 'node:stream';
import type { ChunkPool } from '../sockets/chunk-pool.ts';
import type { FlushTurn } from '../sockets/flush-turn.ts';
import { addressOfPeer } from '../sockets/peer-address.ts';
import type { IsMemoryShort, SocketUser } from '../sockets/socket-keeper.ts';
import type { ReadTurn } from '../sockets/read-turn.ts';
import { type ByteReader, SocketReading } from '../sockets/socket-reading.ts';
import { type CountWaiting, SocketWriter } from '../sockets/socket-writer.ts';
import type { Clock } from '../time.ts';
import { type AnswerOwner, AnswerQueue } from './answer-queue.ts';
import { AnswerWriter } from './answer-writer.ts';
import { ChunkedReader } from './chunked-reader.ts';
import { ConnectionLifecycle } from './connection-lifecycle.ts';
import { DepartureProbe } from './departure-probe.ts';
import { HeadReader } from './head-reader.ts';
import type { Http1Limits } from './limits.ts';
import { badRequest, Refusal } from './refusal.ts';
import { Http1Request, type RequestConnection } from './request.ts';
import { RequestHead } from './request-head.ts';

export interface RequestHandler {
  /** Called in the order of arrival, in the turn in which the head arrived. */
  onRequest(request: Http1Request): void;
  /** Answers an unacceptable request; by `respond`, at once. */
  onRefusal(request: Http1Request, reason: string, status: number): void;
  /** A failure of the server itself: its connection is cut. */
  onUnexpected(error: unknown): void;
}

/** The parts that all connections of a server share. */
export interface ConnectionSurroundings {
  readonly handler: RequestHandler;
  readonly limits: Http1Limits;
  readonly clock: Clock;
  readonly pool: ChunkPool;
  readonly turn: FlushTurn;
  readonly readTurn: ReadTurn;
  /** Counts bytes that wait for the peers. */
  readonly countWaiting?: CountWaiting | null;
  readonly isMemoryShort?: IsMemoryShort | null;
}

/** Bytes of a chunked body between two questions whether the turn is over: thousands of chunks, at worst. */
const chunkedStepBytes = 16 * 1024;

/** Stands for a request whose head could not be read. */
const refusedHead = new RequestHead('', '', false, [], new Map(), 0);

export class Http1Connection implements ByteReader, RequestConnection, AnswerOwner, SocketUser {
  readonly lifecycle: ConnectionLifecycle;
  readonly #socket: Duplex;
  readonly #reading: SocketReading;
  readonly #surroundings: ConnectionSurroundings;
  readonly #writer: AnswerWriter;
  readonly #heads: HeadReader;
  readonly #answers: AnswerQueue;
  /** The request whose body is being received. */
  #receiving: Http1Request | null = null;
  /** Bytes of the body that have not arrived, unless it is chunked. */
  #left = 0;
  #chunks: ChunkedReader | null = null;
  /** Whether arriving bytes are parsed; false once the connection ends with the last answer. */
  #isReading = true;
  /** Not null once the client has closed its side. */
  #departure: DepartureProbe | null = null;
  /** Not null while the connection drains. */
  #whenWritten: (() => void) | null = null;

  constructor(socket: Duplex, surroundings: ConnectionSurroundings) {
    const { limits, clock, pool, turn, readTurn, countWaiting = null, isMemoryShort = null } = surroundings;
    this.#socket = socket;
    this.#reading = new SocketReading(socket, readTurn, this, countWaiting);
    this.#surroundings = surroundings;
    const output = new SocketWriter(socket, pool, turn, countWaiting);
    this.#writer = new AnswerWriter(output);
    this.#heads = new HeadReader(limits.maxHeadBytes);
    this.#answers = new AnswerQueue(this.#writer, limits, clock, this, countWaiting);
    this.lifecycle = new ConnectionLifecycle(this, socket, this.#reading, output, limits, isMemoryShort, clock.now());
  }

  get peerAddress(): string {
    return addressOfPeer(this.#socket);
  }

  /** Whether no request and no answer is open. The beginning of a head may have been received. */
  get isIdle(): boolean {
    return this.#answers.first === null && !this.#reading.hasRest && this.#writer.output.isEmpty;
  }

  /** Whether the connection waits for the rest of a head from the client, and not because of backpressure. */
  get isReceivingHead(): boolean {
    return this.#isReading && this.#receiving === null && !this.#reading.hasRest && this.#heads.hasBegun;
  }

  get isReceivingBody(): boolean {
    return this.#receiving !== null;
  }

  /** Bytes of the current body that are certain to follow. */
  get missingBytes(): number {
    return this.#receiving !== null && this.#chunks === null && !this.#reading.hasRest ? this.#left : 0;
  }

  /** Takes bytes from the socket. They may be overwritten when this returns. */
  receive(bytes: Buffer, from: number, end: number): void {
    if (this.#isReading) this.#reading.take(bytes, from, end);
  }

  read(bytes: Buffer, from: number, end: number): number {
    let at = end;
    try {
      at = this.#parse(bytes, from, end);
    } catch (error) {
      if (error instanceof Refusal) this.refuse(error);
      else this.broken(error);
    }
    if (at === end && this.#departure !== null) this.#readToEnd();
    return at;
  }

  /** The client will send nothing more. It gets the answers to its complete requests, unless it has left. */
  ended(): void {
    this.#departure = new DepartureProbe(this.#surroundings.clock, () => this.#probe());
    if (!this.#reading.hasRest) this.#readToEnd();
  }

  /** The last byte that the client sent was parsed. */
  #readToEnd(): void {
    if (this.isReceivingHead || this.isReceivingBody) this.refuse(badRequest('the connection ended within it'));
    this.#isReading = false;
    if (this.#answers.first === null) this.lifecycle.end();
    else this.#departure?.start();
  }

  #probe(): void {
    const { output } = this.#writer;
    if (this.#answers.isProbeUseful && output.isEmpty) this.#writer.sendContinue();
  }

  /**
   * The connection ends with the answer of its newest request; `written` is called when this answer and all before it
   * were sent.
   */
  drain(written: () => void): void {
    this.#whenWritten = written;
    this.#answers.drain();
    if (!this.#writer.output.isEmpty) this.#writer.output.onWritten(written);
  }

  /** Nothing after this is read; the refusal is sent after the open answers. */
  refuse(refusal: Refusal): void {
    if (!this.#isReading) return;
    this.#isReading = false;
    let request = this.#receiving;
    this.#receiving = null;
    if (request === null) {
      request = new Http1Request(refusedHead, this);
      this.#answers.append(request);
    }
    request.mustClose = true;
    if (request.isOpen) this.#surroundings.handler.onRefusal(request, refusal.message, refusal.status);
    else this.#answers.advance();
  }

  /** The socket is closed. */
  lost(): void {
    this.#isReading = false;
    this.#departure?.stop();
    this.#abandonAll();
    this.#writer.output.lost();
  }

  drained(): void {
    this.#writer.output.count();
    this.#answers.resume();
    this.#resumeReading();
  }

  tick(nowMs: number): void {
    this.#writer.output.count();
    this.lifecycle.tick(nowMs);
  }

  wanted(request: Http1Request): void {
    if (request === this.#answers.first) this.#sendContinue(request);
  }

  answered(request: Http1Request): void {
    // A client that waits for `100 Continue` may send the body anyway, or not.
    if (request.awaitsContinue && !request.isReceived) request.mustClose = true;
    if (request.mustClose) this.stopReading();
    if (request === this.#answers.first) this.#answers.advance();
    else this.#answers.wait(request);
  }

  continued(request: Http1Request): void {
    if (request === this.#answers.first) this.#answers.resume();
  }

  /** Goes on when the client has read, or a request has its answer. */
  #resumeReading(): void {
    if (!this.#isFull()) this.#reading.resume();
  }

  #parse(bytes: Buffer, from: number, end: number): number {
    const { readTurn } = this.#surroundings;
    let at = from;
    while (at < end && this.#isReading) {
      const request = this.#receiving;
      if (request !== null) at = this.#readBody(request, bytes, at, end);
      else if (this.#isFull()) {
        this.#reading.pause();
        return at;
      } else {
        at = this.#heads.read(bytes, at, end);
        const head = this.#heads.take();
        if (head !== null) this.#begin(head);
      }
      if (readTurn.isOver()) break;
    }
    return this.#isReading ? at : end;
  }

  #isFull(): boolean {
    const { maxPipelined, maxUnsentBytes } = this.#surroundings.limits;
    const { length, expectedBytes } = this.#answers;
    if (length >= maxPipelined || this.#writer.output.unsentBytes > maxUnsentBytes) return true;
    return length > 0 && expectedBytes >= maxUnsentBytes;
  }

  #begin(head: RequestHead): void {
    const request = new Http1Request(head, this);
    this.#answers.append(request);
    if (request.isReceived) this.#completed(request);
    else {
      this.#receiving = request;
      this.#left = head.bodyBytes ?? 0;
      this.#chunks = head.bodyBytes === null ? new ChunkedReader(this.#surroundings.limits) : null;
    }
    this.#surroundings.handler.onRequest(request);
  }

  #readBody(request: Http1Request, bytes: Buffer, from: number, end: number): number {
    request.awaitsContinue = false;
    const chunks = this.#chunks;
    if (chunks !== null) {
      const to = chunks.read(bytes, from, Math.min(end, from + chunkedStepBytes), request);
      if (chunks.isDone) {
        this.#completed(request);
        request.receiver?.onEnd();
      }
      return to;
    }
    const { receiver } = request;
    const to = Math.min(end, from + this.#left);
    this.#left -= to - from;
    // Before the receiver is called, so that its answer is one to a complete request.
    if (this.#left === 0) this.#completed(request);
    receiver?.onData(bytes, from, to);
    if (this.#left === 0) request.receiver?.onEnd();
    return to;
  }

  #completed(request: Http1Request): void {
    request.isReceived = true;
    this.#receiving = null;
    this.lifecycle.received();
    if (!request.head.keepsAlive) this.#isReading = false;
  }

  advanced(): void {
    const { first } = this.#answers;
    if (this.#whenWritten !== null) this.#writer.output.onWritten(this.#whenWritten);
    if (first !== null) {
      this.#sendContinue(first);
      this.#resumeReading();
      return;
    }
    if (this.#isReading) this.#resumeReading();
    else {
      this.#departure?.stop();
      this.lifecycle.end();
    }
  }

  broken(error: unknown): void {
    this.#surroundings.handler.onUnexpected(error);
    this.#socket.destroy();
  }

  #sendContinue(request: Http1Request): void {
    if (!request.awaitsContinue || request.receiver === null) return;
    request.awaitsContinue = false;
    this.#writer.sendContinue();
  }

  stopReading(): void {
    this.#isReading = false;
    this.#receiving = null;
    this.#reading.drop();
  }

  #abandonAll(): void {
    this.#answers.abandon();
    this.#receiving = null;
    this.#reading.drop();
  }
}
