/**
 * Answers that cannot leave in the turn of the event loop in which their batch ends: those whose JSON is made in several
 * turns, and those that are compressed.
 */

import { deflateCounted } from '../../deflate.ts';
import { piecesBytes } from '../../pieces.ts';
import { answerLevel, type ContentCoding, responseCoding } from '../transport/compression.ts';
import type { Exchange } from '../exchange.ts';
import type { HttpContext } from '../http-context.ts';
import type { InferAnswer } from './response-codec.ts';
import { SlicedAnswer, writingWork } from './sliced-answer.ts';
import { jsonHeaders } from '../transport/transport.ts';

/** The call that is answered, which owns the response and the memory that was counted for both. */
export interface AnsweredCall {
  readonly context: HttpContext;
  readonly exchange: Exchange;
  /** @throws InferenceError `resource_exhausted` when answers that clients do not read have taken all memory. */
  checkAnswer(bytes: number): void;
  /** Counts memory that was taken already; negative releases. */
  hold(bytes: number): void;
  /** The response is no longer read, and neither is the request. */
  readonly release: () => void;
  /** The request is no longer read. */
  releaseRequest(): void;
  /** Answers with the error in place of the response. */
  readonly refuse: (error: unknown) => void;
}

/** The coding that the client prefers for its answer. */
export const answerCoding = ({ request }: Exchange): ContentCoding =>
  responseCoding(request.head.header('accept-encoding'));

/** The header with the JSON length is added only when bytes follow the JSON. */
export const answerHeaders = (jsonBytes: number, binaryBytes: number): readonly string[] =>
  binaryBytes === 0
    ? jsonHeaders
    : ['Content-Type', 'application/octet-stream', 'Inference-Header-Content-Length', String(jsonBytes)];

/** Answers in the coding. The outputs are copied before this returns. */
export function answerCompressed(
  call: AnsweredCall,
  { binary, binaryBytes }: InferAnswer,
  json: readonly Buffer[],
  coding: 'gzip' | 'deflate',
): void {
  const jsonBytes = piecesBytes(json);
  const parts = binaryBytes === 0 ? json : [...json, Buffer.concat(binary)];
  call.release();
  call.hold(jsonBytes + binaryBytes);
  const { exchange } = call;
  deflateCounted({
    parts,
    coding,
    level: answerLevel,
    count: (bytes) => call.hold(bytes),
    isWanted: () => exchange.isOpen,
  }).then((pieces) => {
    // From now on the transport counts them.
    call.releaseRequest();
    if (pieces === null) return;
    const headers = [...answerHeaders(jsonBytes, binaryBytes), 'Content-Encoding', coding];
    exchange.answerText(200, headers, '', pieces);
  }, call.refuse);
}

/** Makes the JSON in several turns, none of them the one in which all answers of a batch came. */
export class LargeAnswer {
  readonly #call: AnsweredCall;
  readonly #answer: InferAnswer;
  readonly #pieces: Buffer[] = [];
  #jsonBytes = 0;

  constructor(call: AnsweredCall, answer: InferAnswer) {
    this.#call = call;
    this.#answer = answer;
  }

  /** Gives the answer in later turns. */
  begin(): void {
    this.#call.context.slices.add(writingWork, this.#slice);
  }

  readonly #slice = (): void => {
    const { context, exchange, release, refuse } = this.#call;
    if (!exchange.isOpen) {
      release();
      return;
    }
    try {
      const coding = answerCoding(exchange);
      if (this.#pieces.length === 0 && this.#answer.isStreamable && coding === 'identity') this.#sendAsMade();
      else if (this.#hasNextPiece()) context.slices.add(writingWork, this.#slice);
      else if (coding === 'identity') this.#sendWhole();
      else answerCompressed(this.#call, this.#answer, this.#pieces, coding);
    } catch (error) {
      release();
      refuse(error);
    }
  };

  /** The JSON is sent while it is made, as the client takes it; the outputs are held until its last piece is made. */
  #sendAsMade(): void {
    const call = this.#call;
    const { outputBytes } = this.#answer;
    call.checkAnswer(outputBytes);
    call.releaseRequest();
    call.hold(outputBytes);
    const { request } = call.exchange;
    const pieces = new SlicedAnswer(this.#answer, call.context.slices, () => request.continueAnswer(), call.release);
    request.respondInPieces(200, jsonHeaders, pieces);
  }

  /** Makes a piece of the JSON; false when there is none left. */
  #hasNextPiece(): boolean {
    const piece = this.#answer.piece();
    if (piece === null) return false;
    this.#pieces.push(piece);
    this.#jsonBytes += piece.length;
    this.#call.hold(piece.length);
    this.#call.checkAnswer(this.#jsonBytes + this.#answer.binaryBytes);
    return true;
  }

  #sendWhole(): void {
    const { binary, binaryBytes } = this.#answer;
    const { exchange, release } = this.#call;
    // From now on the transport counts them.
    this.#call.hold(-this.#jsonBytes);
    if (binaryBytes === 0) release();
    exchange.answerText(200, answerHeaders(this.#jsonBytes, binaryBytes), '', [...this.#pieces, ...binary], release);
  }
}
