/**
 * The `InferenceServer` of a frontend thread: the other end of its link is `link-host.ts` in the thread that schedules.
 * Requests go through shared memory; the control plane, which is rare, through messages.
 */

import { toInferenceError } from '../errors.ts';
import type { InferenceContext } from '../inference/context.ts';
import { compose, type Infer, type Interceptor, type ResponseSink } from '../inference/infer.ts';
import type { InferenceRequest } from '../inference/request.ts';
import type { InferenceServer } from '../server/inference-server.ts';
import type { Clock } from '../time.ts';
import { ControlCaller } from './control-calls.ts';
import { type NativeLink, fromFrontend, type LinkEnd, toFrontend } from './link.ts';
import { LinkSide } from './link-side.ts';
import type { Page, PageArena } from './page-arena.ts';
import { type WrittenRecord, writeRequest } from './request-record.ts';
import { readError, readResponse } from './response-record.ts';

/** A request on its way: who gets its answer, and what that sets free. Listens to the leaving of its caller. */
class PendingCall {
  readonly sink: ResponseSink;
  readonly context: InferenceContext;
  readonly page: Page;
  readonly blocks: Uint8Array[] | null;
  readonly #side: LinkSide;
  readonly #call: number;

  constructor(
    side: LinkSide,
    call: number,
    context: InferenceContext,
    sink: ResponseSink,
    page: Page,
    blocks: Uint8Array[] | null,
  ) {
    this.#side = side;
    this.#call = call;
    this.context = context;
    this.sink = sink;
    this.page = page;
    this.blocks = blocks;
  }

  /** The answer comes all the same, and says what became of the request. */
  callerLeft(): void {
    this.#side.push(fromFrontend.cancel, this.#call, 0, 0);
  }
}

export class LinkServer implements InferenceServer {
  readonly infer: Infer;
  readonly findModel: InferenceServer['findModel'];
  readonly isLive: InferenceServer['isLive'];
  readonly isReady: InferenceServer['isReady'];
  readonly isModelReady: InferenceServer['isModelReady'];
  readonly serverMetadata: InferenceServer['serverMetadata'];
  readonly modelMetadata: InferenceServer['modelMetadata'];
  readonly modelConfig: InferenceServer['modelConfig'];
  readonly modelStatistics: InferenceServer['modelStatistics'];
  readonly repositoryIndex: InferenceServer['repositoryIndex'];
  readonly loadModel: InferenceServer['loadModel'];
  readonly unloadModel: InferenceServer['unloadModel'];
  readonly #side: LinkSide;
  /** By number of the call; numbers are used again. */
  readonly #calls: (PendingCall | null)[] = [];
  readonly #freeCalls: number[] = [];

  /** The first interceptor is the outermost. */
  constructor(end: LinkEnd, native: NativeLink, clock: Clock, interceptors: readonly Interceptor[] = []) {
    this.infer = compose(interceptors, (request, context, sink) => this.#infer(request, context, sink));
    this.#side = new LinkSide(end, native, clock, (kind, call, page, offset) =>
      this.#receive(kind, call, page, offset),
    );
    const control = new ControlCaller(end.control);
    this.findModel = control.method('findModel');
    this.isLive = control.method('isLive');
    this.isReady = control.method('isReady');
    this.isModelReady = control.method('isModelReady');
    this.serverMetadata = control.method('serverMetadata');
    this.modelMetadata = control.method('modelMetadata');
    this.modelConfig = control.method('modelConfig');
    this.modelStatistics = control.method('modelStatistics');
    this.repositoryIndex = control.method('repositoryIndex');
    this.loadModel = control.method('loadModel');
    this.unloadModel = control.method('unloadModel');
  }

  /** Memory that the scheduling thread can read: messages received into it are not copied again. */
  get arena(): PageArena {
    return this.#side.arena;
  }

  get doorbell(): number {
    return this.#side.doorbell;
  }

  connect(otherDoorbell: number): void {
    this.#side.connect(otherDoorbell);
  }

  #infer(request: InferenceRequest, context: InferenceContext, sink: ResponseSink): void {
    const side = this.#side;
    let written: WrittenRecord;
    side.beginRecord();
    try {
      written = writeRequest(side.arena, side.writer, request, context);
      side.endRecord();
    } catch (error) {
      side.dropRecord();
      sink.fail(toInferenceError(error));
      return;
    }
    const { page, start, blocks } = written;
    const call = this.#freeCalls.pop() ?? this.#calls.length;
    const pending = new PendingCall(side, call, context, sink, page, blocks);
    this.#calls[call] = pending;
    side.push(fromFrontend.infer, call, page.id, start);
    if (context.cancellation.cancelled) pending.callerLeft();
    else context.cancellation.add(pending);
  }

  #receive(kind: number, call: number, pageId: number, offset: number): void {
    const { arena, pages, reader } = this.#side;
    const pending = this.#calls[call] as PendingCall;
    const { sink, context, page, blocks } = pending;
    this.#calls[call] = null;
    context.cancellation.remove(pending);
    const { numbers, bytes } = pages.find(pageId);
    reader.begin(numbers, bytes, offset);
    // Whatever the answer is, it comes when nobody reads the request any more.
    arena.release(page);
    if (blocks !== null) for (const block of blocks) arena.giveBack(block);
    if (kind === toFrontend.fail) {
      const error = readError(reader);
      this.#release(call);
      sink.fail(error);
      return;
    }
    let isReleased = false;
    const release = (): void => {
      if (isReleased) return;
      isReleased = true;
      this.#release(call);
    };
    sink.next(readResponse(pages, reader, release), true);
  }

  /** The number of the call is free when the other side knows that its answer was read. */
  #release(call: number): void {
    this.#side.push(fromFrontend.release, call, 0, 0);
    this.#freeCalls.push(call);
  }
}
