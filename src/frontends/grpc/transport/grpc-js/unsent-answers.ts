/**
 * The answers of a call that Node's HTTP/2 has not sent yet: counted in the memory budget, and for the connection, until
 * the write of each has ended or the stream is closed. grpc-js gives no other sign that a client has taken an answer.
 */

import type { ServerHttp2Stream } from 'node:http2';
import type { MemoryBudget } from '../../../../inference/memory-budget.ts';

/** Bytes that wait, by session. */
const waitingOfSession = new WeakMap<object, number>();

export class UnsentAnswers {
  readonly #budget: MemoryBudget;
  /** Null when grpc-js does not show it: then nothing is counted. */
  readonly #stream: ServerHttp2Stream | null;
  /** Kept, because a stream that is closed has no session any more. */
  readonly #session: object | null;
  #bytes = 0;
  #isWatched = false;

  constructor(budget: MemoryBudget, stream: ServerHttp2Stream | null) {
    this.#budget = budget;
    this.#stream = stream;
    this.#session = stream?.session ?? null;
  }

  /** Bytes that wait for the client, of all calls of its connection. */
  get connectionBytes(): number {
    return this.#session === null ? 0 : (waitingOfSession.get(this.#session) ?? 0);
  }

  /** Whether the client can still get an answer, as far as it is known. */
  get isOpen(): boolean {
    return this.#stream === null || !(this.#stream.destroyed || this.#stream.closed);
  }

  /** A message of that size is handed to grpc-js, which calls back when it is written: then call `written`. */
  add(bytes: number): void {
    const stream = this.#stream;
    // grpc-js drops the message.
    if (stream === null || !this.isOpen) return;
    if (!this.#isWatched) {
      this.#isWatched = true;
      stream.once('close', () => this.#count(-this.#bytes));
    }
    this.#count(bytes);
  }

  written(bytes: number): void {
    this.#count(-Math.min(bytes, this.#bytes));
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.add(bytes);
    if (this.#session !== null) waitingOfSession.set(this.#session, this.connectionBytes + bytes);
  }
}
