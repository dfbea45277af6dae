/** A first-in-first-out list through the requests themselves: any of them leaves it in constant time. */

/** Changed by the list that holds the request. */
export interface ListLinks<Request extends ListLinks<Request>> {
  list: RequestList<Request> | null;
  previous: Request | null;
  next: Request | null;
}

export class RequestList<Request extends ListLinks<Request>> {
  #head: Request | null = null;
  #tail: Request | null = null;
  #length = 0;

  get head(): Request | null {
    return this.#head;
  }

  get length(): number {
    return this.#length;
  }

  /** The request must be in no list. */
  push(request: Request): void {
    request.list = this;
    request.previous = this.#tail;
    request.next = null;
    if (this.#tail === null) this.#head = request;
    else this.#tail.next = request;
    this.#tail = request;
    this.#length++;
  }

  /** The request must be in this list. */
  remove(request: Request): void {
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
