/** A first-in-first-out list through the requests themselves: any of them leaves it in constant time. */

import type { QueuedRequest } from './queued-request.ts';

export class RequestList {
  #head: QueuedRequest | null = null;
  #tail: QueuedRequest | null = null;
  #length = 0;

  get head(): QueuedRequest | null {
    return this.#head;
  }

  get length(): number {
    return this.#length;
  }

  /** The request must be in no list. */
  push(request: QueuedRequest): void {
    request.list = this;
    request.previous = this.#tail;
    request.next = null;
    if (this.#tail === null) this.#head = request;
    else this.#tail.next = request;
    this.#tail = request;
    this.#length++;
  }

  /** The request must be in this list. */
  remove(request: QueuedRequest): void {
    if (request.previous === null) this.#head = request.next;
    else request.previous.next = request.next;
    if (request.next === null) this.#tail = request.previous;
    else request.next.previous = request.previous;
    request.list = null;
    request.previous = null;
    request.next = null;
    this.#length--;
  }
}
