/**
 * The end of a link in the scheduling thread: submits the requests of one frontend thread to the server of this thread
 * and sends the answers back.
 */

import { type InferenceError, internal, toInferenceError } from '../../errors.ts';
import { connectionAccountNumbers, noConnection } from '../../inference/connection-accounts.ts';
import type { MemoryBudget } from '../../inference/memory-budget.ts';
import type { InferenceResponse } from '../../inference/response.ts';
import type { Logger } from '../../logger.ts';
import type { InferenceServer } from '../../server/inference-server.ts';
import type { Clock } from '../../time.ts';
import { AnswerPages } from './answer-pages.ts';
import { answerControlCalls } from './control-calls.ts';
import { type CallHost, HostedCall } from './hosted-call.ts';
import { type NativeLink, fromFrontend, type LinkEnd, toFrontend } from './link.ts';
import { entryWork, type LinkTurn } from './link-turn.ts';
import { LinkSide } from './side.ts';
import { bytesToCopy, type WrittenRecord } from '../records/placed-tensors.ts';
import { readRequest } from '../records/request-record.ts';
import { writeError, writeResponse } from '../records/response-record.ts';

interface LinkHostTools {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The account of this thread: it counts answers until the frontend thread has read them. */
  readonly budget: MemoryBudget;
  /** The account of the frontend thread in it. */
  readonly account: number;
  /** Of this thread, for all links. */
  readonly turn: LinkTurn;
  /** The other thread has written an impossible value: the link is closed, and the thread has to be terminated. */
  readonly onBroken: (error: unknown) => void;
}

export class LinkHost implements CallHost {
  readonly #server: InferenceServer;
  readonly #tools: LinkHostTools;
  readonly #side: LinkSide;
  readonly #answers: AnswerPages;
  /** Bytes of answers that the other thread has not released, by connection. */
  readonly #unreadBytes = new Float64Array(connectionAccountNumbers);
  /** Calls by number; null for a free number. */
  readonly #calls: (HostedCall | null)[] = [];
  readonly #stopControl: () => void;
  /** Requests that have not ended: their bytes may still be read. */
  #openCount = 0;
  #isClosed = false;
  #hasThreadEnded = false;

  constructor(server: InferenceServer, end: LinkEnd, native: NativeLink, tools: LinkHostTools) {
    this.#server = server;
    this.#tools = tools;
    this.#side = new LinkSide(
      end,
      native,
      tools.clock,
      tools.turn,
      (kind, call, page, offset) => this.#receive(kind, call, page, offset),
      (error) => this.#break(error),
    );
    this.#answers = new AnswerPages(this.#side.arena, tools.budget);
    this.#stopControl = answerControlCalls(end.control, server, tools.logger);
  }

  get doorbell(): number {
    return this.#side.doorbell;
  }

  connect(otherDoorbell: number): void {
    this.#side.connect(otherDoorbell);
  }

  /** Allocations in pages of this side that are not released: 0 when no call is open. */
  get openAllocations(): number {
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
    this.#answers.close();
  }

  /** The frontend thread has ended: the memory of all pages is released as soon as no batch reads a request in them. */
  threadEnded(): void {
    this.close();
    this.#hasThreadEnded = true;
    this.#discardWhenUnread();
  }

  #break(error: unknown): void {
    this.close();
    this.#tools.onBroken(error);
  }

  #receive(kind: number, call: number, pageId: number, offset: number): number {
    switch (kind) {
      case fromFrontend.infer:
        return this.#infer(call, pageId, offset);
      case fromFrontend.cancel:
        this.#callOf(call).cancellation.cancel();
        return entryWork;
      case fromFrontend.release:
        this.#release(this.#callOf(call), pageId, offset);
        return entryWork;
      default:
        throw internal(`a frontend thread's link has an entry of the unknown kind ${kind}`);
    }
  }

  #infer(call: number, pageId: number, offset: number): number {
    const calls = this.#calls;
    // Numbers are given in order, so a new one is the next, and an old one is free.
    if (call < 0 || call > calls.length || (calls[call] ?? null) !== null) {
      throw internal(`a frontend thread's link begins the call ${call}, which is not free`);
    }
    const { pages, reader } = this.#side;
    const { numbers, bytes } = pages.find(pageId);
    const work = reader.begin(numbers, bytes, offset);
    const request = readRequest(pages, reader);
    const hosted = new HostedCall(this, call, request, this.#answers);
    calls[call] = hosted;
    this.#openCount++;
    this.#server.infer(request, hosted, hosted);
    return work;
  }

  respond(call: HostedCall, response: InferenceResponse, isFinal: boolean): void {
    if (this.#isClosed) {
      response.release();
      if (isFinal) this.#end(call);
    } else if (call.failure === null) {
      this.#send(call, response, isFinal);
    } else {
      response.release();
      if (isFinal) this.fail(call, call.failure);
    }
  }

  /** Bytes in memory of the engine are copied into pages, so the engine has its slab back at once. */
  #send(call: HostedCall, response: InferenceResponse, isFinal: boolean): void {
    const side = this.#side;
    const { budget } = this.#tools;
    side.beginRecord();
    try {
      // Answers that wait for callers who do not read fill the budget; then no more answers are copied for them.
      budget.checkAnswer(bytesToCopy(side.arena, response.outputs), call.requestBytes, this.#waitingBytes(call));
      const written = writeResponse(side.arena, side.writer, response);
      side.endRecord();
      if (isFinal) this.#end(call);
      this.#keep(call, written);
      side.push(isFinal ? toFrontend.answer : toFrontend.part, call.number, written.page.id, written.start);
    } catch (thrown) {
      side.dropRecord();
      this.#couldNotSend(call, toInferenceError(thrown), isFinal);
    } finally {
      response.release();
    }
  }

  /** Bytes that wait for the client: on their way to the other thread, and there; of all calls of its connection. */
  #waitingBytes({ connection, unreadBytes }: HostedCall): number {
    if (connection === noConnection) return unreadBytes;
    const { budget, account } = this.#tools;
    return (this.#unreadBytes[connection] ?? 0) + budget.waitingBytes(account, connection);
  }

  #couldNotSend(call: HostedCall, error: InferenceError, isFinal: boolean): void {
    if (isFinal) {
      this.fail(call, error);
      return;
    }
    // The bytes of the request are read until it ends, so the other thread is told only then.
    call.failure = error;
    call.cancellation.cancel();
  }

  fail(call: HostedCall, thrown: InferenceError): void {
    const error = call.failure ?? thrown;
    this.#end(call);
    if (error.code === 'internal' && error.cause !== undefined) {
      // The cause does not leave this thread.
      const { modelName, requestId } = call;
      this.#tools.logger.error({ err: error.cause, model: modelName, requestId }, error.message);
    }
    if (this.#isClosed) return;
    const side = this.#side;
    const written = writeError(side.arena, side.writer, error);
    this.#keep(call, written);
    side.push(toFrontend.fail, call.number, written.page.id, written.start);
  }

  #keep(call: HostedCall, written: WrittenRecord): void {
    call.keep(written);
    this.#countUnread(call, written.countedBytes);
    this.#answers.keep(written);
  }

  #countUnread({ connection }: HostedCall, bytes: number): void {
    this.#unreadBytes[connection] = (this.#unreadBytes[connection] ?? 0) + bytes;
  }

  /** The request has ended: its bytes are no longer read. */
  #end(call: HostedCall): void {
    call.hasEnded = true;
    this.#openCount--;
    if (this.#hasThreadEnded) this.#discardWhenUnread();
  }

  #discardWhenUnread(): void {
    if (this.#openCount === 0) this.#side.discardPages();
  }

  #callOf(number: number): HostedCall {
    const call = this.#calls[number] ?? null;
    if (call === null) throw internal(`a frontend thread's link mentions the call ${number}, which is not open`);
    return call;
  }

  #release(call: HostedCall, pageId: number, offset: number): void {
    const written = call.take(pageId, offset);
    if (written === null) {
      throw internal(`a frontend thread's link gives back an answer of the call ${call.number} that it does not have`);
    }
    this.#countUnread(call, -written.countedBytes);
    this.#answers.giveBack(written);
    if (call.isOver) this.#calls[call.number] = null;
  }
}
