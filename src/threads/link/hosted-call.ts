/**
 * A request of a frontend thread in the thread that schedules: its context, its sink, and the records that the other
 * thread still reads.
 */

import type { InferenceError } from '../../errors.ts';
import { Cancellation, type InferenceContext } from '../../inference/context.ts';
import type { ResponseSink } from '../../inference/infer.ts';
import type { OutputMemory } from '../../inference/output-memory.ts';
import type { InferenceRequest } from '../../inference/request.ts';
import type { InferenceResponse } from '../../inference/response.ts';
import type { WrittenRecord } from '../records/placed-tensors.ts';
import type { RequestOrigin } from '../records/request-record.ts';

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
  /** Pages of the link. */
  readonly outputMemory: OutputMemory;
  readonly connection: number;
  readonly modelName: string;
  readonly requestId: string;
  /** Bytes that the request holds of the budget. */
  readonly requestBytes: number;
  /** The error by which a response could not be sent: later responses are dropped, and the request ends with it. */
  failure: InferenceError | null = null;
  /** Bytes of answers that the other thread has not released. */
  unreadBytes = 0;
  /** Its final response or its failure was sent. */
  hasEnded = false;
  readonly #host: CallHost;
  /** A record that the other thread reads: usually the only one, more for a request with several responses. */
  #unread: WrittenRecord | null = null;
  #moreUnread: Map<number, WrittenRecord> | null = null;

  constructor(
    host: CallHost,
    number: number,
    request: InferenceRequest & Required<RequestOrigin>,
    outputMemory: OutputMemory,
  ) {
    this.#host = host;
    this.outputMemory = outputMemory;
    this.number = number;
    this.receivedAtMs = request.receivedAtMs;
    this.deadlineMs = request.deadlineMs;
    this.connection = request.connection;
    this.modelName = request.modelName;
    this.requestId = request.id;
    this.requestBytes = request.heldBytes;
  }

  /** Whether the other thread will not mention the call any more: its number is free. */
  get isOver(): boolean {
    return this.hasEnded && this.#unread === null && (this.#moreUnread === null || this.#moreUnread.size === 0);
  }

  next(response: InferenceResponse, isFinal: boolean): void {
    this.#host.respond(this, response, isFinal);
  }

  fail(error: InferenceError): void {
    this.#host.fail(this, error);
  }

  /** The record was sent. */
  keep(record: WrittenRecord): void {
    this.unreadBytes += record.countedBytes;
    if (this.#unread === null) {
      this.#unread = record;
      return;
    }
    this.#moreUnread ??= new Map();
    this.#moreUnread.set(placeKey(record.page.id, record.start), record);
  }

  /** Removes and returns the record at that place, which the other thread has read; null when there is none. */
  take(pageId: number, start: number): WrittenRecord | null {
    const record = this.#takeAt(pageId, start);
    if (record !== null) this.unreadBytes -= record.countedBytes;
    return record;
  }

  #takeAt(pageId: number, start: number): WrittenRecord | null {
    const unread = this.#unread;
    if (unread !== null && liesAt(unread, pageId, start)) {
      this.#unread = null;
      return unread;
    }
    const key = placeKey(pageId, start);
    const other = this.#moreUnread?.get(key);
    if (other === undefined || !liesAt(other, pageId, start)) return null;
    this.#moreUnread?.delete(key);
    return other;
  }
}

/** Unique for records: they begin at multiples of eight in the first 256 KiB of their page. */
const placeKey = (pageId: number, start: number): number => pageId * 32_768 + start / 8;

const liesAt = ({ page, start }: WrittenRecord, pageId: number, at: number): boolean =>
  page.id === pageId && start === at;
