/**
 * Finds the waiting request that expires first: a binary heap over `expiresAtMs` in which each request knows its place,
 * so that it can be removed when the request leaves early. Only requests with a deadline are in it.
 */

import type { QueuedRequest } from './queued-request.ts';

export class DeadlineHeap {
  readonly #entries: QueuedRequest[] = [];

  /** The one that expires first, or null. */
  get first(): QueuedRequest | null {
    return this.#entries[0] ?? null;
  }

  /** `expiresAtMs` must not change while it is in. */
  push(request: QueuedRequest): void {
    this.#entries.push(request);
    this.#siftUp(request, this.#entries.length - 1);
  }

  /** Does nothing for a request that is not in. */
  remove(request: QueuedRequest): void {
    const at = request.heapIndex;
    if (at < 0) return;
    request.heapIndex = -1;
    const last = this.#entries.pop() as QueuedRequest;
    if (last === request) return;
    if (at > 0 && last.expiresAtMs < (this.#entries[(at - 1) >> 1] as QueuedRequest).expiresAtMs)
      this.#siftUp(last, at);
    else this.#siftDown(last, at);
  }

  #siftUp(request: QueuedRequest, from: number): void {
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = this.#entries[above] as QueuedRequest;
      if (parent.expiresAtMs <= request.expiresAtMs) break;
      this.#place(parent, at);
      at = above;
    }
    this.#place(request, at);
  }

  #siftDown(request: QueuedRequest, from: number): void {
    const { length } = this.#entries;
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= length) break;
      let child = this.#entries[below] as QueuedRequest;
      const right = this.#entries[below + 1];
      if (right !== undefined && right.expiresAtMs < child.expiresAtMs) {
        child = right;
        below++;
      }
      if (child.expiresAtMs >= request.expiresAtMs) break;
      this.#place(child, at);
      at = below;
    }
    this.#place(request, at);
  }

  #place(request: QueuedRequest, at: number): void {
    this.#entries[at] = request;
    request.heapIndex = at;
  }
}
