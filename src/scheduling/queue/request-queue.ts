/**
 * The waiting requests of one model version: priority levels, and within each level first the requests in time and then
 * those that have timed out under the DELAY action. Every operation is O(1), except for deadlines, which are O(log n).
 * The scheduler decides what happens to a request that leaves the queue.
 */

import type { QueuePolicy } from '../../model-config/model-config.ts';
import type { RequestOrder, WaitingRequests } from '../policies/batch-policy.ts';
import { DeadlineHeap } from './deadline-heap.ts';
import { openPolicy } from '../policies/queue-policy.ts';
import type { QueuedRequest } from './queued-request.ts';
import { RequestList } from './request-list.ts';

interface Level {
  readonly level: number;
  readonly policy: QueuePolicy;
  readonly inTime: RequestList<QueuedRequest>;
  /** Timed out under the DELAY action: served after `inTime`, still counted, no further timeout. */
  readonly late: RequestList<QueuedRequest>;
}

/** The lane of requests that are tried again alone, ahead of all levels. */
export const retryLevel = 0;

/** Empty levels are kept up to this number, and removed beyond it. */
const maxIdleLevels = 64;

export class RequestQueue implements WaitingRequests<QueuedRequest> {
  readonly #order: RequestOrder;
  readonly #maxWaiting: number;
  /** Ascending by level. */
  readonly #levels: Level[] = [];
  readonly #byLevel = new Map<number, Level>();
  readonly #deadlines = new DeadlineHeap();
  #length = 0;
  #rows = 0;

  /** @param maxWaiting the server's bound on waiting requests of this model, whatever its configuration says */
  constructor(order: RequestOrder, maxWaiting: number) {
    this.#order = order;
    this.#maxWaiting = maxWaiting;
  }

  get length(): number {
    return this.#length;
  }

  get rows(): number {
    return this.#rows;
  }

  get nextExpiryMs(): number {
    return this.#deadlines.first?.expiresAtMs ?? Number.POSITIVE_INFINITY;
  }

  policyOf(level: number): QueuePolicy {
    return this.#byLevel.get(level)?.policy ?? this.#order.policyOf(level);
  }

  /** Whether one more fits, by the level's limit and by the server's. */
  hasRoom(level: number): boolean {
    if (this.#length >= this.#maxWaiting) return false;
    const found = this.#byLevel.get(level);
    if (found === undefined) return true;
    const { maxQueueSize } = found.policy;
    return maxQueueSize === 0 || found.inTime.length + found.late.length < maxQueueSize;
  }

  push(request: QueuedRequest): void {
    this.#levelFor(request.level).inTime.push(request);
    this.#length++;
    this.#rows += request.rows;
    if (request.expiresAtMs < Number.POSITIVE_INFINITY) this.#deadlines.push(request);
  }

  /** Takes one out, wherever it stands; it must be waiting here. */
  remove(request: QueuedRequest): void {
    request.list?.remove(request);
    this.#deadlines.remove(request);
    this.#length--;
    this.#rows -= request.rows;
    if (this.#levels.length > maxIdleLevels) this.#dropLevel(request.level);
  }

  first(): QueuedRequest | null {
    return this.#firstFrom(0);
  }

  after(request: QueuedRequest): QueuedRequest | null {
    if (request.next !== null) return request.next;
    for (let i = 0; i < this.#levels.length; i++) {
      const level = this.#levels[i] as Level;
      if (level.level !== request.level) continue;
      if (request.list === level.inTime && level.late.head !== null) return level.late.head;
      return this.#firstFrom(i + 1);
    }
    return null;
  }

  /** Removes the front `count` requests, in service order. */
  take(count: number): QueuedRequest[] {
    const taken = new Array<QueuedRequest>(Math.min(count, this.#length));
    for (let i = 0; i < taken.length; i++) {
      const request = this.first() as QueuedRequest;
      this.remove(request);
      taken[i] = request;
    }
    return taken;
  }

  /**
   * Handles one expired request: under the DELAY action it moves behind the requests in time of its level, else it is
   * removed and returned, to be refused. Null when no expired request is left.
   */
  expireOne(nowMs: number): QueuedRequest | null {
    for (let due = this.#deadlines.first; due !== null && due.expiresAtMs <= nowMs; due = this.#deadlines.first) {
      if (due.context.deadlineMs > nowMs && this.policyOf(due.level).timeoutAction === 'delay') this.#stepBack(due);
      else {
        this.remove(due);
        return due;
      }
    }
    return null;
  }

  #stepBack(request: QueuedRequest): void {
    this.#deadlines.remove(request);
    request.list?.remove(request);
    this.#levelFor(request.level).late.push(request);
    request.expiresAtMs = request.context.deadlineMs;
    if (request.expiresAtMs < Number.POSITIVE_INFINITY) this.#deadlines.push(request);
  }

  #firstFrom(from: number): QueuedRequest | null {
    for (let i = from; i < this.#levels.length; i++) {
      const level = this.#levels[i] as Level;
      const head = level.inTime.head ?? level.late.head;
      if (head !== null) return head;
    }
    return null;
  }

  #levelFor(level: number): Level {
    const found = this.#byLevel.get(level);
    if (found !== undefined) return found;
    const policy = level === retryLevel ? openPolicy : this.#order.policyOf(level);
    const made: Level = { level, policy, inTime: new RequestList(), late: new RequestList() };
    let at = this.#levels.length;
    while (at > 0 && (this.#levels[at - 1] as Level).level > level) at--;
    this.#levels.splice(at, 0, made);
    this.#byLevel.set(level, made);
    return made;
  }

  #dropLevel(level: number): void {
    const found = this.#byLevel.get(level);
    if (found === undefined || found.inTime.length + found.late.length > 0) return;
    this.#levels.splice(this.#levels.indexOf(found), 1);
    this.#byLevel.delete(level);
  }
}
