/**
 * The end of a link in the thread that schedules: puts the requests of one frontend thread before the server of this
 * thread and sends the answers back.
 */

import { type InferenceError, toInferenceError, unimplemented } from '../errors.ts';
import { Cancellation, type InferenceContext } from '../inference/context.ts';
import type { ResponseSink } from '../inference/infer.ts';
import type { InferenceResponse } from '../inference/response.ts';
import type { InferenceServer } from '../server/inference-server.ts';
import type { Clock } from '../time.ts';
import { answerControlCalls } from './control-calls.ts';
import { type NativeLink, fromFrontend, type LinkEnd, toFrontend } from './link.ts';
import { LinkSide } from './link-side.ts';
import type { Page } from './page-arena.ts';
import { readRequest } from './request-record.ts';
import { writeError, writeResponse } from './response-record.ts';

/** A request of the other thread, from its arrival until its answer was read there. */
class HostedCall implements InferenceContext, ResponseSink {
  readonly receivedAtMs: number;
  readonly deadlineMs: number;
  readonly cancellation = new Cancellation();
  /** The ring that tells callers apart stands in the frontend thread. */
  readonly caller = null;
  /** What the answer took, once it was sent. */
  page: Page | null = null;
  blocks: Uint8Array[] | null = null;
  #hasSeveral = false;
  readonly #host: LinkHost;
  readonly #call: number;

  constructor(host: LinkHost, call: number, receivedAtMs: number, deadlineMs: number) {
    this.#host = host;
    this.#call = call;
    this.receivedAtMs = receivedAtMs;
    this.deadlineMs = deadlineMs;
  }

  next(response: InferenceResponse, isFinal: boolean): void {
    if (isFinal && !this.#hasSeveral) {
      this.#host.answer(this.#call, this, response);
      return;
    }
    response.release();
    this.#hasSeveral = true;
    // Until the request has ended it is read.
    if (isFinal) this.fail(unimplemented('a frontend thread takes one response for each request'));
  }

  fail(error: InferenceError): void {
    this.#host.fail(this.#call, this, error);
  }
}

export class LinkHost {
  readonly #server: InferenceServer;
  readonly #side: LinkSide;
  readonly #calls: (HostedCall | null)[] = [];
  readonly #stopControl: () => void;
  /** Requests without an answer: until then their bytes may be read. */
  #openCount = 0;
  #isClosed = false;
  #hasThreadEnded = false;

  constructor(server: InferenceServer, end: LinkEnd, native: NativeLink, clock: Clock) {
    this.#server = server;
    this.#side = new LinkSide(end, native, clock, (kind, call, page, offset) =>
      this.#receive(kind, call, page, offset),
    );
    this.#stopControl = answerControlCalls(end.control, server);
  }

  get doorbell(): number {
    return this.#side.doorbell;
  }

  connect(otherDoorbell: number): void {
    this.#side.connect(otherDoorbell);
  }

  /** Things in pages of this side that did not come back: 0 when nothing is under way. */
  get openThings(): number {
    return this.#side.arena.openCount;
  }

  /** The frontend thread is about to end: its callers have left. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopControl();
    this.#side.close();
    for (const call of this.#calls) call?.cancellation.cancel();
    this.#calls.length = 0;
  }

  /** The frontend thread runs no more: the memory of all pages goes, as soon as no batch reads a request in them. */
  threadEnded(): void {
    this.close();
    this.#hasThreadEnded = true;
    this.#discardWhenUnread();
  }

  #receive(kind: number, call: number, pageId: number, offset: number): void {
    switch (kind) {
      case fromFrontend.infer:
        this.#infer(call, pageId, offset);
        break;
      case fromFrontend.cancel:
        this.#calls[call]?.cancellation.cancel();
        break;
      default:
        this.#release(call);
    }
  }

  #infer(call: number, pageId: number, offset: number): void {
    const { pages, reader } = this.#side;
    const { numbers, bytes } = pages.find(pageId);
    reader.begin(numbers, bytes, offset);
    const request = readRequest(pages, reader);
    const hosted = new HostedCall(this, call, request.receivedAtMs, request.deadlineMs);
    this.#calls[call] = hosted;
    this.#openCount++;
    this.#server.infer(request, hosted, hosted);
  }

  answer(call: number, hosted: HostedCall, response: InferenceResponse): void {
    if (this.#isClosed) {
      response.release();
      this.#answered();
      return;
    }
    const side = this.#side;
    side.beginRecord();
    try {
      const { page, start, blocks } = writeResponse(side.arena, side.writer, response);
      side.endRecord();
      hosted.page = page;
      hosted.blocks = blocks;
      side.push(toFrontend.answer, call, page.id, start);
      this.#answered();
    } catch (error) {
      side.dropRecord();
      this.fail(call, hosted, toInferenceError(error));
    } finally {
      response.release();
    }
  }

  fail(call: number, hosted: HostedCall, error: InferenceError): void {
    this.#answered();
    if (this.#isClosed) return;
    const side = this.#side;
    const { page, start } = writeError(side.arena, side.writer, error);
    hosted.page = page;
    side.push(toFrontend.fail, call, page.id, start);
  }

  #answered(): void {
    this.#openCount--;
    if (this.#hasThreadEnded) this.#discardWhenUnread();
  }

  #discardWhenUnread(): void {
    if (this.#openCount === 0) this.#side.discardPages();
  }

  #release(call: number): void {
    const hosted = this.#calls[call] ?? null;
    if (hosted === null) return;
    this.#calls[call] = null;
    const { arena } = this.#side;
    if (hosted.blocks !== null) for (const block of hosted.blocks) arena.giveBack(block);
    if (hosted.page !== null) arena.release(hosted.page);
  }
}
