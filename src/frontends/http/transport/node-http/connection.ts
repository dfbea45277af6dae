/** The requests of one connection of `node:http` that have no written answer, and the refusal of the connection. */

import type { Socket } from 'node:net';
import { defaultLimits } from '../../../../http1/limits.ts';
import { responseHead } from '../../../../http1/response-head.ts';
import type { Clock } from '../../../../time.ts';
import { errorText, jsonHeaders } from '../transport.ts';

export interface ConnectionOwner {
  /** Whether connections end with their newest answer. */
  readonly isDraining: boolean;
  /** A connection may be idle now. */
  lookIfIdle(): void;
}

/** A request of the connection, as far as that knows it. */
export interface OpenRequest {
  /** It has no answer yet. */
  readonly isOpen: boolean;
  /** Its body has come completely. */
  readonly isReceived: boolean;
  /** The connection ends with its answer. */
  mustClose: boolean;
  respond(status: number, headers: readonly string[], text: string): void;
  /** The connection is lost. */
  abandon(): void;
}

export class NodeConnection {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #owner: ConnectionOwner;
  readonly #requests = new Set<OpenRequest>();
  #newest: OpenRequest | null = null;
  /** Written after the last answer; then the connection ends. */
  #refusal: string | null = null;

  constructor(socket: Socket, clock: Clock, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#clock = clock;
    this.#owner = owner;
  }

  get isBusy(): boolean {
    return this.#requests.size > 0;
  }

  add<Request extends OpenRequest>(request: Request): Request {
    this.#requests.add(request);
    this.#newest = request;
    return request;
  }

  /** Whether the connection is to end with the answer of this request. */
  closesAfter(request: OpenRequest): boolean {
    return this.#owner.isDraining && request === this.#newest;
  }

  /** The answer of the request has been written. */
  answered(request: OpenRequest): void {
    if (!this.#requests.delete(request) || this.#requests.size > 0) return;
    this.#socket.setTimeout(0);
    if (this.#refusal !== null) this.#end(this.#refusal);
    this.#owner.lookIfIdle();
  }

  /** Cuts the connection when the client takes no bytes of a large answer for the stall timeout. */
  limitTime(): void {
    this.#socket.setTimeout(defaultLimits.stallTimeoutMs);
  }

  /** Refuses invalid bytes: in place of the request that they broke, else after the open answers. */
  refuse(status: number, reason: string): void {
    if (this.#refusal !== null) return;
    this.#refusal = '';
    const newest = this.#newest;
    if (newest?.isOpen === true && !newest.isReceived) {
      newest.mustClose = true;
      newest.respond(status, jsonHeaders, errorText(reason));
      return;
    }
    const body = errorText(reason);
    this.#refusal = responseHead(status, jsonHeaders, body.length, null) + body;
    if (this.#requests.size === 0) this.#end(this.#refusal);
  }

  lost(): void {
    for (const request of this.#requests) request.abandon();
    this.#requests.clear();
    this.#owner.lookIfIdle();
  }

  #end(text: string): void {
    const socket = this.#socket;
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    socket.end(text);
    // Read on for a moment, so that the refusal is not lost to a reset.
    const stop = this.#clock.schedule(this.#clock.now() + defaultLimits.lingerMs, () => socket.destroy());
    socket.once('close', stop);
  }
}
