/** `POST …/infer`: from the received head to the written answer. */

import { type InferenceError, unimplemented } from '../../errors.ts';
import type { InferenceResponse } from '../../inference/response.ts';
import type { RequestParameters } from '../v2/parameters.ts';
import { deflated, inflated, oversizedInflated, requestCoding, responseCoding } from './compression.ts';
import type { Exchange } from './exchange.ts';
import { answerFailure, type HttpContext } from './http-context.ts';
import {
  type DecodedInfer,
  decodeInferRequest,
  type HeaderForwarder,
  type InferTarget,
  oversizedJson,
  parseJsonLength,
} from './infer-request.ts';
import { type EncodedInfer, encodeInferResponse } from './infer-response.ts';
import { decodeRawRequest, oversizedRaw } from './raw-request.ts';
import { jsonReply } from './reply.ts';
import { maxBodyBytes, receiveBody } from './request-body.ts';

const jsonLengthHeader = 'inference-header-content-length';

/**
 * Binary outputs up to this many bytes are copied behind the JSON, which makes the answer one write and gives the engine
 * its memory back at once; larger ones are written from where they are. Measured with bench/http.mjs.
 */
const maxCopiedBytes = 16 * 1024;

export class InferHandler {
  readonly #context: HttpContext;
  /** Headers to be passed on as parameters, or null. */
  readonly #forwarded: RegExp | null;

  constructor(context: HttpContext) {
    this.#context = context;
    const pattern = context.config.headerForwardPattern;
    this.#forwarded = pattern === null ? null : new RegExp(pattern.source, 'i');
  }

  handle(exchange: Exchange, modelName: string, modelVersion: string): void {
    const { headers } = exchange.request;
    const coding = requestCoding(headers['content-encoding']);
    if (coding === null) {
      exchange.answerError(unimplemented('Unsupported compression type'), ['Accept-Encoding', 'gzip, deflate']);
      return;
    }
    const { maxInputBytes } = this.#context.config;
    const jsonLength = headers[jsonLengthHeader];
    const isRaw = Number(jsonLength) === 0;
    // Binary tensors behind a JSON head are not limited by the flag; everything else is.
    const isLimited = coding !== 'identity' || jsonLength === undefined || isRaw;
    const limit = isLimited ? maxInputBytes : Math.max(maxInputBytes, maxBodyBytes);
    receiveBody(exchange.request, limit, (body, receivedBytes, isComplete) => {
      if (!isComplete) exchange.closeAfterAnswer();
      if (body === null) {
        const oversized = coding !== 'identity' ? oversizedInflated : null;
        exchange.answerError(oversized?.(maxInputBytes) ?? tooLarge(receivedBytes, isRaw, maxInputBytes));
      } else {
        const target = { modelName, modelVersion, maxInputBytes };
        if (coding === 'identity') this.#infer(exchange, body, target);
        else this.#inflateAndInfer(exchange, body, coding, target);
      }
    });
  }

  #inflateAndInfer(exchange: Exchange, body: Buffer, coding: 'gzip' | 'deflate', target: InferTarget): void {
    inflated(body, coding, target.maxInputBytes).then(
      (whole) => this.#infer(exchange, whole, target),
      (error: unknown) => answerFailure(this.#context, exchange, error),
    );
  }

  #infer(exchange: Exchange, body: Buffer, target: InferTarget): void {
    const context = this.#context;
    try {
      // A repeated header is joined by the parser to what is no number any more.
      const jsonBytes = parseJsonLength(exchange.request.headers[jsonLengthHeader] as string | undefined, body.length);
      const forward = this.#forwarded === null ? null : this.#forwarder(exchange, this.#forwarded);
      if (jsonBytes !== 0) {
        this.#run(exchange, decodeInferRequest(body, jsonBytes, target, forward));
        return;
      }
      decodeRawRequest(body, target, context.server, forward).then(
        (decoded) => this.#run(exchange, decoded),
        (error: unknown) => answerFailure(context, exchange, error),
      );
    } catch (error) {
      answerFailure(context, exchange, error);
    }
  }

  #run(exchange: Exchange, decoded: DecodedInfer): void {
    const context = this.#context;
    const { receivedAtMs, cancellation } = exchange;
    context.server.infer(decoded.request, { receivedAtMs, deadlineMs: Number.POSITIVE_INFINITY, cancellation }).then(
      (response) => this.#answer(exchange, decoded, response),
      (error: unknown) => answerFailure(context, exchange, error),
    );
  }

  #forwarder(exchange: Exchange, pattern: RegExp): HeaderForwarder {
    return (parameters: RequestParameters) => {
      const { rawHeaders } = exchange.request;
      for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
        const name = rawHeaders[i] as string;
        if (pattern.test(name)) parameters.forwardHeader(name, rawHeaders[i + 1] as string);
      }
    };
  }

  #answer(exchange: Exchange, decoded: DecodedInfer, response: InferenceResponse): void {
    if (!exchange.isOpen) {
      response.release();
      return;
    }
    try {
      const encoded = encodeInferResponse(response, decoded);
      const coding = responseCoding(exchange.request.headers['accept-encoding']);
      if (coding !== 'identity') this.#answerCompressed(exchange, encoded, coding, response);
      else if (encoded.binaryBytes === 0) {
        response.release();
        exchange.answer(jsonReply(encoded.json));
      } else answerBinary(exchange, encoded, response);
    } catch (error) {
      response.release();
      answerFailure(this.#context, exchange, error);
    }
  }

  #answerCompressed(
    exchange: Exchange,
    { json, binary, binaryBytes }: EncodedInfer,
    coding: 'gzip' | 'deflate',
    response: InferenceResponse,
  ): void {
    const head = Buffer.from(json);
    const body = Buffer.concat([head, ...binary]);
    response.release();
    deflated(body, coding).then(
      (compressed) => {
        const headers = [...bodyHeaders(head.length, binaryBytes, compressed.length), 'Content-Encoding', coding];
        exchange.answerParts(headers, [compressed], () => undefined);
      },
      (error: unknown) => answerFailure(this.#context, exchange, error),
    );
  }
}

function answerBinary(exchange: Exchange, encoded: EncodedInfer, response: InferenceResponse): void {
  const { json, binary, binaryBytes } = encoded;
  const jsonBytes = Buffer.byteLength(json);
  // Without non-ASCII characters every character of the text is one byte, those of the tensors too.
  if (binaryBytes <= maxCopiedBytes && jsonBytes === json.length) {
    let text = json;
    for (const view of binary) text += latin1(view);
    response.release();
    exchange.answerBytes(bodyHeaders(jsonBytes, binaryBytes, text.length), text);
    return;
  }
  const headers = bodyHeaders(jsonBytes, binaryBytes, jsonBytes + binaryBytes);
  exchange.answerParts(headers, [json, ...binary], () => response.release());
}

const latin1 = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('latin1');

/** The JSON length is told only where bytes follow it (http.md §5.3). */
function bodyHeaders(jsonBytes: number, binaryBytes: number, contentLength: number): string[] {
  const length = String(contentLength);
  if (binaryBytes === 0) return ['Content-Type', 'application/json', 'Content-Length', length];
  return [
    'Content-Type',
    'application/octet-stream',
    'Inference-Header-Content-Length',
    String(jsonBytes),
    'Content-Length',
    length,
  ];
}

const tooLarge = (bytes: number, isRaw: boolean, maxInputBytes: number): InferenceError =>
  isRaw ? oversizedRaw(bytes, maxInputBytes) : oversizedJson(bytes, maxInputBytes);
