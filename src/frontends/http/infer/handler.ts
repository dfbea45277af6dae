/** `POST …/infer`: decides by the head how the body is received, and makes the call. */

import { requestCoding } from '../transport/compression.ts';
import type { Exchange } from '../exchange.ts';
import type { HttpContext } from '../http-context.ts';
import { InferCall } from './call.ts';
import type { InferTarget } from './request-codec.ts';
import { maxBodyBytes, receiveBody } from '../transport/request-body.ts';

const jsonLengthHeader = 'inference-header-content-length';

export class InferHandler {
  readonly #context: HttpContext;
  /** Headers to be passed on as parameters, or null. */
  readonly #forwarded: RegExp | null;

  constructor(context: HttpContext) {
    this.#context = context;
    const pattern = context.config.headerForwardPattern;
    this.#forwarded = pattern === null ? null : new RegExp(pattern.source, 'i');
  }

  get maxInputBytes(): number {
    return this.#context.config.maxInputBytes;
  }

  handle(exchange: Exchange, target: InferTarget): void {
    const { head } = exchange.request;
    const coding = requestCoding(head.header('content-encoding'));
    if (coding === null) {
      exchange.answerUnsupportedCoding('gzip, deflate');
      return;
    }
    exchange.endsWhenLost = true;
    const { maxInputBytes } = target;
    // A repeated header is joined, so it is no number any more.
    const jsonLength = head.header(jsonLengthHeader);
    // Binary tensors behind a JSON head are not limited by the flag; everything else is.
    const isLimited = coding !== 'identity' || jsonLength === undefined || Number(jsonLength) === 0;
    const limit = isLimited ? maxInputBytes : Math.max(maxInputBytes, maxBodyBytes);
    const call = new InferCall(this.#context, exchange, target, coding, jsonLength, this.#forwarded);
    receiveBody(exchange.request, this.#context.memory, limit, call);
  }
}
