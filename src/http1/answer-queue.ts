/**
 * The unanswered requests of one connection in the order of arrival. Answers are sent in that order, in whatever order
 * they become ready (RFC 9112, section 9.3.2).
 */

import type { CountWaiting } from '../sockets/socket-writer.ts';
import type { Clock } from '../time.ts';
import { AnswerPump } from './answer-pump.ts';
import type { AnswerSource } from './answer-source.ts';
import type { AnswerWriter } from './answer-writer.ts';
import type { Http1Limits } from './limits.ts';
import type { Http1Request } from './request.ts';

/** The expected size of an answer falls by one over this with each smaller answer. */
const forgotten = 8;

/** The connection as its answers need it. */
export interface AnswerOwner {
  /** The connection ends with the answer that is about to be written: nothing after its request is read. */
  stopReading(): void;
  /** The answers that were ready have been written. */
  advanced(): void;
  /** An answer failed half way: only the end of the connection can tell the client. */
  broken(error: unknown): void;
}

export class AnswerQueue {
  readonly #writer: AnswerWriter;
  readonly #limits: Http1Limits;
  readonly #clock: Pick<Clock, 'soon'>;
  readonly #owner: AnswerOwner;
  #first: Http1Request | null = null;
  #last: Http1Request | null = null;
  #length = 0;
  /** The pump of the first request, while its answer is sent in pieces. */
  #pump: AnswerPump | null = null;
  /** The connection ends with the answer of its newest request. */
  #isDraining = false;
  readonly #countWaiting: CountWaiting | null;
  /**
   * The expected bytes of an answer, by earlier ones of the connection: requests are bounded before their answers
   * exist.
   */
  #answerBytes: number;

  constructor(
    writer: AnswerWriter,
    limits: Http1Limits,
    clock: Pick<Clock, 'soon'>,
    owner: AnswerOwner,
    countWaiting: CountWaiting | null,
  ) {
    this.#countWaiting = countWaiting;
    this.#answerBytes = limits.expectedAnswerBytes;
    this.#writer = writer;
    this.#limits = limits;
    this.#clock = clock;
    this.#owner = owner;
  }

  /** The request whose answer is sent next. */
  get first(): Http1Request | null {
    return this.#first;
  }

  get length(): number {
    return this.#length;
  }

  /** The expected bytes of all open answers. */
  get expectedBytes(): number {
    return this.#length * this.#answerBytes;
  }

  /**
   * Whether an interim response can be sent now and would end work that nobody waits for, if the client has left. An
   * answer that is being sent in pieces tells that by itself.
   */
  get isProbeUseful(): boolean {
    const first = this.#first;
    if (first === null || first.head.isHttp10 || this.#pump !== null) return false;
    for (let request: Http1Request | null = first; request !== null; request = request.next) {
      if (request.isOpen && request.listener?.endsWhenLost === true) return true;
    }
    return false;
  }

  append(request: Http1Request): void {
    if (this.#last === null) this.#first = request;
    else this.#last.next = request;
    this.#last = request;
    this.#length++;
    this.#count(request, request.head.bytes);
  }

  drain(): void {
    this.#isDraining = true;
  }

  /** The request has its answer, which waits behind earlier ones. */
  wait(request: Http1Request): void {
    this.#count(request, request.head.bytes + request.answerBytes);
  }

  /** Writes the answers that are ready. */
  advance(): void {
    if (this.#pump !== null) return;
    for (let first = this.#first; first !== null && first.status > 0; first = this.#first) {
      const isLast = this.#isLast(first);
      if (isLast) this.#owner.stopReading();
      if (first.source !== null && first.head.method !== 'HEAD') {
        this.#writeInPieces(first, first.source, isLast);
        return;
      }
      const bytes = this.#writer.write(first, isLast ? null : this.#limits.idleTimeoutMs);
      // A whole number: a fraction would be an object on the heap for each answer.
      this.#answerBytes = Math.max(bytes, this.#answerBytes - Math.ceil(this.#answerBytes / forgotten));
      this.#leave(first, isLast);
    }
    this.#owner.advanced();
  }

  /** The first answer may go on: the socket has room, or its source has a next piece. */
  resume(): void {
    this.#pump?.run();
  }

  /** The connection is lost, and with it its callers. */
  abandon(): void {
    this.#pump?.stop();
    this.#pump = null;
    for (let request = this.#first; request !== null; request = request.next) {
      this.#count(request, 0);
      request.abandon();
    }
    this.#first = null;
    this.#last = null;
    this.#length = 0;
  }

  /** Whether the connection ends with the answer of that request: by request, or because only that can end the body. */
  #isLast(request: Http1Request): boolean {
    if (request.mustClose || !request.head.keepsAlive) return true;
    if (request.source !== null && request.head.isHttp10) return true;
    return this.#isDraining && request === this.#last;
  }

  #writeInPieces(request: Http1Request, source: AnswerSource, isLast: boolean): void {
    const isChunked = !request.head.isHttp10;
    this.#writer.begin(request, isChunked, isLast ? null : this.#limits.idleTimeoutMs);
    this.#pump = new AnswerPump(source, this.#writer, this.#clock, isChunked, {
      ended: () => {
        this.#pump = null;
        this.#writer.releaseWhenWritten(request);
        this.#leave(request, isLast);
        this.advance();
      },
      failed: (error) => this.#owner.broken(error),
    });
    this.resume();
  }

  #count(request: Http1Request, bytes: number): void {
    if (bytes === request.countedBytes) return;
    this.#countWaiting?.(bytes - request.countedBytes);
    request.countedBytes = bytes;
  }

  /** The first request has its answer. */
  #leave(first: Http1Request, isLast: boolean): void {
    this.#count(first, 0);
    this.#first = first.next;
    if (this.#first === null) this.#last = null;
    this.#length--;
    if (isLast) this.abandon();
  }
}
