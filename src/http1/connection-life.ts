/** How a connection ends, and the time limits for requests and answers that a client leaves unfinished. */

import type { Duplex } from 'node:stream';
import type { SocketWriter } from '../sockets/socket-writer.ts';
import { StallWatch } from '../sockets/stall-watch.ts';
import type { Http1Limits } from './limits.ts';
import { Refusal } from './refusal.ts';

/** The connection, as far as its life depends on it. */
export interface LivingConnection {
  readonly isReceivingHead: boolean;
  readonly isReceivingBody: boolean;
  /** No request is open. */
  readonly isIdle: boolean;
  /** Answers what cannot be a request, and ends the connection. */
  refuse(refusal: Refusal): void;
}

export class ConnectionLife {
  readonly #connection: LivingConnection;
  readonly #socket: Duplex;
  readonly #output: SocketWriter;
  readonly #limits: Http1Limits;
  readonly #stall: StallWatch;
  /** Requests that were received to their end: while it stays the same, the client is still at what it was at. */
  #received = 0;
  #receivedAtTick = 0;
  #wasReceiving = false;
  /** Of what the client is at: known to a tick, which is exact enough and costs no look at the clock. */
  #sinceMs: number;
  #isEnding = false;
  #endingSinceMs = -1;

  constructor(connection: LivingConnection, socket: Duplex, output: SocketWriter, limits: Http1Limits, nowMs: number) {
    this.#connection = connection;
    this.#socket = socket;
    this.#output = output;
    this.#limits = limits;
    this.#sinceMs = nowMs;
    this.#stall = new StallWatch(output, limits.stallTimeoutMs, nowMs);
  }

  /** A request is whole. */
  received(): void {
    this.#received++;
  }

  /** Sends what is due, then the end. What still comes is read and dropped, so that the answers are not lost to a reset. */
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#output.end();
    this.#socket.resume();
  }

  stopReading(): void {
    this.#socket.pause();
  }

  readOn(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  tick(nowMs: number): void {
    if (this.#stall.isStalled(nowMs)) this.#socket.destroy();
    if (this.#isEnding) this.#linger(nowMs);
    else this.#checkClient(nowMs);
  }

  #linger(nowMs: number): void {
    if (this.#endingSinceMs < 0 || this.#output.unsentBytes > 0) this.#endingSinceMs = nowMs;
    else if (nowMs - this.#endingSinceMs >= this.#limits.lingerMs) this.#socket.destroy();
  }

  #checkClient(nowMs: number): void {
    const { isReceivingHead, isReceivingBody, isIdle } = this.#connection;
    const isReceiving = isReceivingHead || isReceivingBody;
    const isSame = this.#received === this.#receivedAtTick && isReceiving === this.#wasReceiving;
    if (!isSame || (!isReceiving && !isIdle)) this.#sinceMs = nowMs;
    this.#receivedAtTick = this.#received;
    this.#wasReceiving = isReceiving;
    const forMs = nowMs - this.#sinceMs;
    const { headTimeoutMs, requestTimeoutMs, idleTimeoutMs } = this.#limits;
    if (isReceivingHead && forMs >= headTimeoutMs) {
      this.#connection.refuse(new Refusal(408, 'the head of the request did not arrive in time'));
    } else if (isReceivingBody && forMs >= requestTimeoutMs) {
      this.#connection.refuse(new Refusal(408, 'the body of the request did not arrive in time'));
    } else if (!isReceiving && forMs >= idleTimeoutMs) this.#socket.destroy();
  }
}
