/** How a connection ends, and the time limits for requests and answers that a client leaves unfinished. */

import type { Duplex } from 'node:stream';
import type { IsMemoryShort } from '../sockets/socket-keeper.ts';
import type { SocketReading } from '../sockets/socket-reading.ts';
import type { SocketWriter } from '../sockets/socket-writer.ts';
import { StallWatch, stallLimitMs } from '../sockets/stall-watch.ts';
import type { Http1Limits } from './limits.ts';
import { Refusal } from './refusal.ts';

/** The part of a connection that its life cycle needs. */
interface LifecycleOwner {
  readonly isReceivingHead: boolean;
  readonly isReceivingBody: boolean;
  /** No request is open. */
  readonly isIdle: boolean;
  /** Refuses the bytes of an invalid request, and ends the connection. */
  refuse(refusal: Refusal): void;
}

export class ConnectionLifecycle {
  readonly #connection: LifecycleOwner;
  readonly #socket: Duplex;
  readonly #reading: SocketReading;
  readonly #output: SocketWriter;
  readonly #limits: Http1Limits;
  readonly #stall: StallWatch;
  readonly #isMemoryShort: IsMemoryShort | null;
  /** Completely received requests: while the number stays the same, the client is in the same phase. */
  #received = 0;
  #receivedAtTick = 0;
  #wasReceiving = false;
  /** The start of the phase of the client. Accurate to one tick, which is enough and needs no clock. */
  #sinceMs: number;
  #isEnding = false;
  #endingSinceMs = -1;

  constructor(
    connection: LifecycleOwner,
    socket: Duplex,
    reading: SocketReading,
    output: SocketWriter,
    limits: Http1Limits,
    isMemoryShort: IsMemoryShort | null,
    nowMs: number,
  ) {
    this.#connection = connection;
    this.#socket = socket;
    this.#reading = reading;
    this.#output = output;
    this.#limits = limits;
    this.#isMemoryShort = isMemoryShort;
    this.#sinceMs = nowMs;
    this.#stall = new StallWatch(output, nowMs);
  }

  /** A request was completely received. */
  received(): void {
    this.#received++;
  }

  /**
   * Sends the answers that are ready, then the end. Further bytes are read and dropped, so that no reset destroys the
   * answers.
   */
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#output.end();
    this.#reading.drop();
    this.#reading.resume();
  }

  tick(nowMs: number): void {
    const limitMs = stallLimitMs(this.#limits, this.#isMemoryShort);
    if (this.#stall.isStalled(nowMs, limitMs)) this.#socket.destroy();
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
