/**
 * One `POST …/infer`: from its received body to its answer. `handler.ts` decides how the body is received, `large-answer.ts`
 * writes answers that take several turns of the event loop.
 */

import { type InferenceError, unimplemented } from '../../../errors.ts';
import type { ResponseSink } from '../../../inference/infer.ts';
import type { RequestDraft } from '../../../inference/request.ts';
import { isViewedBy } from '../../../inference/request-bytes.ts';
import type { InferenceResponse } from '../../../inference/response.ts';
import { shownText } from '../../../shown-text.ts';
import { forwardHeader } from '../../v2/parameters.ts';
import { type ContentCoding, inflated, oversizedInflated } from '../transport/compression.ts';
import type { Exchange } from '../exchange.ts';
import { answerFailure, type HttpContext } from '../http-context.ts';
import {
  type DecodedInfer,
  decodeInferRequest,
  type HeaderForwarder,
  InferDecoding,
  type InferTarget,
  largeJsonBytes,
  oversizedJson,
  parseJsonLength,
} from './request-codec.ts';
import { InferAnswer } from './response-codec.ts';
import { type AnsweredCall, answerCoding, answerCompressed, answerHeaders, LargeAnswer } from './large-answer.ts';
import { decodeRawRequest, oversizedRaw } from './raw-request.ts';
import { jsonReply } from '../reply.ts';
import type { WholeBodyReceiver } from '../transport/request-body.ts';

/** Bodies up to this size may be held a little longer than needed. */
const smallBytes = 64 * 1024;

export class InferCall implements WholeBodyReceiver, ResponseSink, AnsweredCall {
  readonly context: HttpContext;
  readonly exchange: Exchange;
  readonly #target: InferTarget;
  readonly #coding: ContentCoding;
  /** `Inference-Header-Content-Length`. */
  readonly #jsonLength: string | undefined;
  /** Headers to be passed on as parameters, or null. */
  readonly #forwarded: RegExp | null;
  #decoded: DecodedInfer | null = null;
  /** The block with the body, until it is no longer read. */
  #block: Buffer | null = null;
  /** Budget of the request, then of its answer until the transport counts it. */
  #reservedBytes = 0;
  /** The part of it that decoded tensors have besides the body. */
  #decodedBytes = 0;
  #response: InferenceResponse | null = null;
  /** There is more than one response: refused when the request has ended, because its bytes are read until then. */
  #hasSeveral = false;

  constructor(
    context: HttpContext,
    exchange: Exchange,
    target: InferTarget,
    coding: ContentCoding,
    jsonLength: string | undefined,
    forwarded: RegExp | null,
  ) {
    this.context = context;
    this.exchange = exchange;
    this.#target = target;
    this.#coding = coding;
    this.#jsonLength = jsonLength;
    this.#forwarded = forwarded;
  }

  onBody(
    body: Buffer | null,
    block: Buffer | null,
    receivedBytes: number,
    isComplete: boolean,
    reservedBytes: number,
  ): void {
    const exchange = this.exchange;
    this.#reservedBytes = reservedBytes;
    if (!isComplete) exchange.closeAfterAnswer();
    if (body === null) {
      const { maxInputBytes } = this.#target;
      if (this.#coding !== 'identity') exchange.answerError(oversizedInflated(maxInputBytes));
      else if (Number(this.#jsonLength) === 0) exchange.answerError(oversizedRaw(receivedBytes, maxInputBytes));
      else exchange.answerError(oversizedJson(receivedBytes, maxInputBytes));
      return;
    }
    if (this.#coding === 'identity') {
      this.#block = block;
      this.#infer(body);
    } else this.#inflateAndInfer(body, block, this.#coding);
  }

  onRefusedBody(error: InferenceError): void {
    this.exchange.answerError(error);
  }

  #inflateAndInfer(body: Buffer, block: Buffer | null, coding: 'gzip' | 'deflate'): void {
    const { memory } = this.context;
    const compressedBytes = this.#reservedBytes;
    this.#block = block;
    inflated(body, coding, this.#target.maxInputBytes, memory, compressedBytes).then((whole) => {
      if (block !== null) memory.giveBack(block);
      memory.budget.release(compressedBytes);
      this.#reservedBytes = whole.reservedBytes;
      this.#block = whole.block;
      this.#infer(whole.bytes);
    }, this.refuse);
  }

  #infer(body: Buffer): void {
    try {
      const jsonBytes = parseJsonLength(this.#jsonLength, body.length);
      const forward = this.#forwarded === null ? null : this.#forwarder(this.#forwarded);
      const { server } = this.context;
      if (jsonBytes === 0) {
        decodeRawRequest(body, this.#target, server, forward)
          .then((decoded) => this.#run(decoded, body))
          .catch(this.refuse);
      } else if ((jsonBytes ?? body.length) <= largeJsonBytes) {
        this.#run(decodeInferRequest(body, jsonBytes, this.#target, forward), body);
      } else {
        // A request for an unknown model is refused before the work of decoding.
        const decoding = new InferDecoding(body, jsonBytes, this.#target, forward);
        this.#findModel().then(() => this.#readLater(decoding, body), this.refuse);
      }
    } catch (error) {
      // An unknown model takes precedence over a fault of the request.
      this.#findModel().then(() => this.refuse(error), this.refuse);
    }
  }

  #findModel(): Promise<void> {
    const { modelName, modelVersion } = this.#target;
    return this.context.server.findModel(modelName, modelVersion);
  }

  #readLater(decoding: InferDecoding, body: Buffer): void {
    this.context.slices.add('the reading of a JSON request', () => this.#decode(decoding, body));
  }

  /** Reads a large request in several turns of the event loop. */
  #decode(decoding: InferDecoding, body: Buffer): void {
    if (!this.exchange.isOpen) {
      this.release();
      return;
    }
    try {
      const decoded = decoding.turn();
      if (decoded !== null) {
        this.#run(decoded, body);
        return;
      }
      this.#reserveDecoded(decoding.heldBytes);
      this.#readLater(decoding, body);
    } catch (error) {
      this.refuse(error);
    }
  }

  /** @throws InferenceError `resource_exhausted` when the budget has no memory for the decoded request. */
  #run(decoded: DecodedInfer, body: Buffer): void {
    const { request } = decoded;
    // A request without views on its body does not need the body any more.
    if (this.#reservedBytes > smallBytes && !isViewedBy(request, body.buffer)) this.releaseRequest();
    this.#reserveDecoded(request.heldBytes - body.length);
    this.#decoded = decoded;
    this.context.server.infer(request, this.exchange, this);
  }

  /**
   * @param bytes memory of the decoded parts besides the body.
   * @throws InferenceError `resource_exhausted`
   */
  #reserveDecoded(bytes: number): void {
    const more = bytes - this.#decodedBytes;
    if (more > 0) this.context.memory.budget.reserveOrThrow(more, this.#reservedBytes, bytes);
    this.#reservedBytes += Math.max(more, 0);
    this.#decodedBytes = bytes;
  }

  #forwarder(pattern: RegExp): HeaderForwarder {
    return (request: RequestDraft) => {
      const { rawHeaders } = this.exchange.request.head;
      for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
        const name = rawHeaders[i] as string;
        if (pattern.test(name)) forwardHeader(request, name, rawHeaders[i + 1] as string);
      }
    };
  }

  next(response: InferenceResponse, isFinal: boolean): void {
    const exchange = this.exchange;
    if (!isFinal || this.#hasSeveral) {
      response.release();
      this.#hasSeveral = true;
      if (isFinal) this.refuse(severalResponses(response.modelName));
      return;
    }
    this.#response = response;
    if (!exchange.isOpen) {
      this.release();
      return;
    }
    try {
      const answer = new InferAnswer(response, this.#decoded as DecodedInfer);
      if (!answer.isSmall) {
        new LargeAnswer(this, answer).begin();
        return;
      }
      const json = answer.text();
      this.checkAnswer(json.length + answer.binaryBytes);
      const coding = answerCoding(exchange);
      if (coding !== 'identity') answerCompressed(this, answer, [Buffer.from(json)], coding);
      else if (answer.binaryBytes === 0) {
        this.release();
        exchange.answer(jsonReply(json));
      } else {
        const jsonBytes = answer.jsonBytes(json);
        const headers = answerHeaders(jsonBytes, answer.binaryBytes);
        exchange.answerText(200, headers, json, answer.binary, this.release, jsonBytes);
      }
    } catch (error) {
      this.release();
      this.refuse(error);
    }
  }

  fail(error: InferenceError): void {
    this.refuse(error);
  }

  checkAnswer(bytes: number): void {
    this.context.memory.budget.checkAnswer(bytes, this.#reservedBytes);
  }

  hold(bytes: number): void {
    this.context.memory.budget.add(bytes);
    this.#reservedBytes += bytes;
  }

  /** The request is not read either, because its batch has succeeded. */
  readonly release = (): void => {
    this.#response?.release();
    this.#response = null;
    this.releaseRequest();
  };

  releaseRequest(): void {
    const { memory } = this.context;
    if (this.#block !== null) memory.giveBack(this.#block);
    this.#block = null;
    memory.budget.release(this.#reservedBytes);
    this.#reservedBytes = 0;
    this.#decodedBytes = 0;
  }

  readonly refuse = (error: unknown): void => {
    this.releaseRequest();
    answerFailure(this.context, this.exchange, error);
  };
}

const severalResponses = (model: string): InferenceError =>
  unimplemented(
    `model '${shownText(model)}' gives several responses to a request (decoupled transaction policy), which HTTP cannot carry; use ` +
      'ModelStreamInfer over gRPC',
  );
