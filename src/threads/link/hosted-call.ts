/**
 * A request of a frontend thread in the thread that schedules: its context, its sink, and the records that the other
 * thread still reads.
 */

import type { InferenceError } from '../../errors.ts';
import { Cancellation, type InferenceContext } from '../../inference/context.ts';
import type { ResponseSink } from '../../inference/infer.ts';
import type { InferenceRequest } from '../../inference/request.ts';
import type { InferenceResponse } from '../../inference/response.ts';
import type { WrittenRecord } from '../records/placed-tensors.ts';
import type { RequestTimes } from '../records/request-record.ts';

/** Takes the answers of all calls of a link. */
export interface CallHost {
  respond(call: HostedCall, response: InferenceResponse, isFinal: boolean): void;
  fail(call: HostedCall, error: InferenceError): void;
}

export class HostedCall implements InferenceContext, ResponseSink {
  readonly number: number;
  readonly receivedAtMs: number;
  readonly deadlineMs: number;
  readonly cancellation = new Cancellation();
  /** Interceptors that need the caller run in the frontend thread. */
  readonly caller = null;
  readonly modelName: string;
  readonly requestId: string;
  /** Bytes that the request holds of the budget. */
  readonly requestBytes: number;
  /** The error by which a response could not be sent: later responses are dropped, and the request ends with it. */
  failure: InferenceError | null = null;
  /** Its final response or its failure was sent. */
  hasEnded = false;
  readonly #host: CallHost;
  /** A record that the other thread reads: usually the only one, more for a request with several responses. */
  #unread: WrittenRecord | null = null;
  #moreUnread: WrittenRecord[] | null = null;

  constructor(host: CallHost, number: number, request: InferenceRequest & RequestTimes) {
    this.#host = host;
    this.number = number;
    this.receivedAtMs = request.receivedAtMs;
    this.deadlineMs = request.deadlineMs;
    this.modelName = request.modelName;
    this.requestId = request.id;
    this.requestBytes = request.heldBytes;
  }

  /** Whether the other thread will not mention the call any more: its number is free. */
  get isOver(): boolean {
    return this.hasEnded && this.#unread === null && (this.#moreUnread === null || this.#moreUnread.length === 0);
  }

  next(response: InferenceResponse, isFinal: boolean): void {
    this.#host.respond(this, response, isFinal);
  }

  fail(error: InferenceError): void {
    this.#host.fail(this, error);
  }

  /** The record was sent. */
  keep(record: WrittenRecord): void {
    if (this.#unread === null) {
      this.#unread = record;
      return;
    }
    this.#moreUnread ??= [];
    this.#moreUnread.push(record);
  }

  /** Removes and returns the record at that place, which the other thread has read; null when there is none. */
  take(pageId: number, start: number): WrittenRecord | null {
    const unread = this.#unread;
    if (unread !== null && liesAt(unread, pageId, start)) {
      this.#unread = null;
      return unread;
    }
    const more = this.#moreUnread ?? [];
    const at = more.findIndex((record) => liesAt(record, pageId, start));
    return at < 0 ? null : (more.splice(at, 1)[0] ?? null);
  }
}

const liesAt = ({ page, start }: WrittenRecord, pageId: number, at: number): boolean =>
  page.id === pageId && start === at;
