/** One request as its handler sees it: its arrival, its cancellation, and the ways to answer it. */

import type { InferenceError } from '../../errors.ts';
import type { RequestListener } from '../../http1/request.ts';
import { type Caller, Cancellation, type InferenceContext } from '../../inference/context.ts';
import { RequestTooLargeError } from '../../inference/memory-budget.ts';
import { shownText } from '../../shown-text.ts';
import { errorStatus } from '../error-status.ts';
import { PagedText } from './paged-text.ts';
import type { Reply } from './reply.ts';
import { errorText, jsonHeaders, type ReceivedRequest } from './transport/transport.ts';

/** The most characters of a header in an error. */

/** In seconds; there may be room again at any moment. */
const retryAfter: readonly string[] = ['Retry-After', '1'];

const noBytes: readonly Uint8Array[] = [];

export class Exchange implements RequestListener, InferenceContext {
  readonly request: ReceivedRequest;
  /** When the head of the request had arrived, on the server's clock (ms). */
  readonly receivedAtMs: number;
  /** HTTP has no deadline of its own; the `timeout` parameter is the queue's. */
  readonly deadlineMs = Number.POSITIVE_INFINITY;
  /** Cancelled when the connection closes before the answer was given. */
  readonly cancellation = new Cancellation();
  /** Of an inference, which can be cancelled; a control call is carried out whether its caller waits or not. */
  endsWhenLost = false;

  constructor(request: ReceivedRequest, receivedAtMs: number) {
    this.request = request;
    this.receivedAtMs = receivedAtMs;
    request.listener = this;
  }

  get caller(): Caller {
    return { protocol: 'http', address: this.request.peerAddress };
  }

  /** Whether an answer can still be given. */
  get isOpen(): boolean {
    return this.request.isOpen;
  }

  onLost(): void {
    this.cancellation.cancel();
  }

  /** The connection ends with the answer: the rest of the request will not be read. */
  closeAfterAnswer(): void {
    this.request.mustClose = true;
  }

  /** @param headers further names and values, alternating. */
  answer({ status, json }: Reply, headers: readonly string[] = []): void {
    if (json === '') this.request.respond(status, headers, '');
    else this.answerText(status, headers.length === 0 ? jsonHeaders : [...jsonHeaders, ...headers], json);
  }

  /** Answers a control call. */
  give(reply: Reply | PagedText): void {
    if (!(reply instanceof PagedText)) {
      this.answer(reply);
      return;
    }
    const { request } = this;
    reply.onPiece = () => request.continueAnswer();
    request.respondInPieces(200, jsonHeaders, reply);
  }

  answerError(error: InferenceError, headers: readonly string[] = []): void {
    const json = errorText(error.message);
    if (error instanceof RequestTooLargeError) this.answer({ status: 413, json }, headers);
    else {
      const allHeaders = error.code === 'resource_exhausted' ? [...headers, ...retryAfter] : headers;
      this.answer({ status: errorStatus[error.code].http, json }, allHeaders);
    }
  }

  /**
   * Refuses the `Content-Encoding` of the request. @param accepted As in the header `Accept-Encoding` of the answer.
   */
  answerUnsupportedCoding(accepted: string): void {
    const given = this.request.head.header('content-encoding') ?? '';
    const text = errorText(
      `Unsupported compression type: Content-Encoding is '${shownText(given)}', expected ${accepted}`,
    );
    this.answerText(415, [...jsonHeaders, 'Accept-Encoding', accepted], text);
  }

  /**
   * @param bytes   The body after the text.
   * @param release Called once, when the bytes are no longer read.
   * @param textBytes Of the text in UTF-8.
   */
  answerText(
    status: number,
    headers: readonly string[],
    text: string,
    bytes: readonly Uint8Array[] = noBytes,
    release: (() => void) | null = null,
    textBytes: number = Buffer.byteLength(text),
  ): void {
    // Usually each character is one byte, and the text needs no buffer of its own.
    if (textBytes === text.length) this.request.respond(status, headers, text, bytes, release);
    else this.request.respond(status, headers, '', [Buffer.from(text), ...bytes], release);
  }
}
