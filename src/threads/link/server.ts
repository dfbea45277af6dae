/**
 * The `InferenceServer` of a frontend thread: the other end of its link is `host.ts` in the thread that schedules.
 * Requests go through shared memory; the control plane, which is rare, through messages.
 */

import { internal, toInferenceError } from '../../errors.ts';
import { noConnection } from '../../inference/connection-accounts.ts';
import type { InferenceContext } from '../../inference/context.ts';
import {
  compose,
  giveFailure,
  giveResponse,
  type Infer,
  type Interceptor,
  type ResponseSink,
} from '../../inference/infer.ts';
import type { MemoryBudget } from '../../inference/memory-budget.ts';
import type { InferenceRequest } from '../../inference/request.ts';
import type { Logger } from '../../logger.ts';
import type { InferenceServer } from '../../server/inference-server.ts';
import { tensorBytes } from '../../tensor/tensor-bytes.ts';
import type { Clock } from '../../time.ts';
import { ControlCaller } from './control-calls.ts';
import { type NativeLink, fromFrontend, type LinkEnd, toFrontend } from './link.ts';
import { LinkTurn } from './link-turn.ts';
import { LinkSide } from './side.ts';
import type { PageArena } from '../pages/page-arena.ts';
import type { WrittenRecord } from '../records/placed-tensors.ts';
import { writeRequest } from '../records/request-record.ts';
import { readError, readResponse } from '../records/response-record.ts';

/** Encoding so many bytes of outputs is as much work as reading a number of a record: 2 MiB are a turn. */
const bytesOfWork = 32;

interface LinkServerTools {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The account of this thread. */
  readonly budget: MemoryBudget;
  /** The first is the outermost. */
  readonly interceptors: readonly Interceptor[];
}

/** An open request: its sink, and the memory that its end releases. Listens for the cancellation of its caller. */
class PendingCall {
  readonly number: number;
  readonly sink: ResponseSink;
  readonly context: InferenceContext;
  readonly record: WrittenRecord;
  hasEnded = false;
  /** Records of its answers that this side has not released. */
  unreleased = 0;
  readonly #side: LinkSide;

  constructor(side: LinkSide, number: number, context: InferenceContext, sink: ResponseSink, record: WrittenRecord) {
    this.#side = side;
    this.number = number;
    this.context = context;
    this.sink = sink;
    this.record = record;
  }

  /** The answer still arrives, with the outcome of the request. */
  callerLeft(): void {
    this.#side.push(fromFrontend.cancel, this.number, 0, 0);
  }
}

/**
 * Health is asked very often: questions that arrive while one is open share its answer, instead of a message to the
 * other thread and back for each.
 */
function sharingAnswers(ask: () => Promise<boolean>): () => Promise<boolean> {
  let pending: Promise<boolean> | null = null;
  return () => {
    pending ??= ask().finally(() => {
      pending = null;
    });
    return pending;
  };
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
  readonly readyNames: InferenceServer['readyNames'];
  readonly statisticsOf: InferenceServer['statisticsOf'];
  readonly indexNames: InferenceServer['indexNames'];
  readonly indexOf: InferenceServer['indexOf'];
  readonly loadModel: InferenceServer['loadModel'];
  readonly unloadModel: InferenceServer['unloadModel'];
  readonly #tools: LinkServerTools;
  readonly #side: LinkSide;
  /** Calls by number; numbers are reused. */
  readonly #calls: (PendingCall | null)[] = [];
  readonly #freeCalls: number[] = [];

  constructor(end: LinkEnd, native: NativeLink, tools: LinkServerTools) {
    this.#tools = tools;
    this.infer = compose(tools.interceptors, (request, context, sink) => this.#infer(request, context, sink));
    this.#side = new LinkSide(
      end,
      native,
      tools.clock,
      new LinkTurn(),
      (kind, call, page, offset) => this.#receive(kind, call, page, offset),
      (error) => {
        // Ends this thread; the pool replaces it.
        throw error;
      },
    );
    const control = new ControlCaller(end.control);
    this.findModel = control.method('findModel');
    this.isLive = sharingAnswers(control.method('isLive'));
    this.isReady = sharingAnswers(control.method('isReady'));
    this.isModelReady = control.query('isModelReady');
    this.serverMetadata = control.query('serverMetadata');
    this.modelMetadata = control.query('modelMetadata');
    this.modelConfig = control.query('modelConfig');
    this.modelStatistics = control.query('modelStatistics');
    this.readyNames = control.query('readyNames');
    this.statisticsOf = control.query('statisticsOf');
    this.indexNames = control.query('indexNames');
    this.indexOf = control.query('indexOf');
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
    let record: WrittenRecord;
    side.beginRecord();
    try {
      record = writeRequest(side.arena, side.writer, request, context);
      side.endRecord();
    } catch (error) {
      side.dropRecord();
      sink.fail(toInferenceError(error));
      return;
    }
    // Counted without a check: an accepted request is not refused because of its place. Later ones find less room.
    this.#tools.budget.add(record.countedBytes);
    const call = this.#freeCalls.pop() ?? this.#calls.length;
    const pending = new PendingCall(side, call, context, sink, record);
    this.#calls[call] = pending;
    side.push(fromFrontend.infer, call, record.page.id, record.start);
    if (context.cancellation.cancelled) pending.callerLeft();
    else context.cancellation.add(pending);
  }

  #receive(kind: number, call: number, pageId: number, offset: number): number {
    const pending = this.#calls[call] ?? null;
    if (pending === null || pending.hasEnded) {
      throw internal(`the link of this frontend thread answers the call ${call}, which is not open`);
    }
    const { pages, reader } = this.#side;
    const { numbers, bytes } = pages.find(pageId);
    const work = reader.begin(numbers, bytes, offset);
    pending.unreleased++;
    switch (kind) {
      case toFrontend.answer:
        this.#end(pending);
        return work + this.#respond(pending, pageId, offset, true);
      case toFrontend.part:
        return work + this.#respond(pending, pageId, offset, false);
      case toFrontend.fail: {
        const error = readError(reader);
        this.#end(pending);
        this.#release(pending, pageId, offset);
        giveFailure(pending.sink, error, this.#tools.logger);
        return work;
      }
      default:
        throw internal(`the link of this frontend thread has an entry of the unknown kind ${kind}`);
    }
  }

  /** The request has ended, with an answer, an error or nothing: its bytes are no longer read. */
  #end(pending: PendingCall): void {
    const { record } = pending;
    pending.hasEnded = true;
    pending.context.cancellation.remove(pending);
    record.release(this.#side.arena);
    this.#tools.budget.release(record.countedBytes);
  }

  /** @returns how much work the bytes of the outputs were, besides the record. */
  #respond(pending: PendingCall, pageId: number, offset: number, isFinal: boolean): number {
    const { pages, reader } = this.#side;
    const { logger } = this.#tools;
    let isReleased = false;
    const response = readResponse(pages, reader, () => {
      if (isReleased) return;
      isReleased = true;
      this.#count(pending, bytes);
      this.#release(pending, pageId, offset);
    });
    const bytes = tensorBytes(response.outputs);
    // These bytes are in the account of the other thread until they are released. This side counts answers that wait
    // for clients by itself, so they are subtracted here and do not count twice.
    this.#count(pending, -bytes);
    giveResponse(pending.sink, response, isFinal, logger);
    return bytes / bytesOfWork;
  }

  #count({ context }: PendingCall, bytes: number): void {
    const { budget } = this.#tools;
    budget.add(bytes);
    budget.connections.add(context.connection ?? noConnection, bytes);
  }

  /** Reports that an answer was read; the number of the call is free when all of its answers are reported. */
  #release(pending: PendingCall, pageId: number, offset: number): void {
    const { number } = pending;
    this.#side.push(fromFrontend.release, number, pageId, offset);
    pending.unreleased--;
    if (!pending.hasEnded || pending.unreleased > 0) return;
    this.#calls[number] = null;
    this.#freeCalls.push(number);
  }
}
