/**
 * Writes answers to the socket: small ones are collected in one chunk per turn of the event loop, large ones are sent
 * without a copy.
 */

import type { SocketWriter } from '../sockets/socket-writer.ts';
import type { Http1Request } from './request.ts';
import { continueText, responseHead } from './response-head.ts';

/** Answers up to this size are copied, which releases their memory at once; for larger ones a copy costs more. */
const maxCopiedBytes = 16 * 1024;

/** Answers of one turn beyond this are sent before it ends, because only bytes in the socket count for backpressure. */
const maxUnflushedBytes = 256 * 1024;

export class AnswerWriter {
  readonly output: SocketWriter;
  /** Bytes of answers since the last flush. */
  #unflushedBytes = 0;

  constructor(output: SocketWriter) {
    this.output = output;
  }

  sendContinue(): void {
    this.#text(continueText);
  }

  /** @param idleTimeoutMs As in `responseHead`. @returns The size of the answer. */
  write(request: Http1Request, idleTimeoutMs: number | null): number {
    const { status, headers, text, parts, release } = request;
    request.release = null;
    const bodyBytes = request.answerBytes;
    // The answer to HEAD has no length where the body would be made while it is sent.
    const head = responseHead(status, headers, request.source === null ? bodyBytes : null, idleTimeoutMs);
    if (request.head.method === 'HEAD') {
      this.#text(head);
      release?.();
    } else if (head.length + bodyBytes <= maxCopiedBytes) {
      this.#copy(head + text, parts, head.length + bodyBytes);
      release?.();
    } else {
      this.#text(head + text);
      for (const part of parts) {
        this.output.append(Buffer.from(part.buffer, part.byteOffset, part.byteLength));
      }
      if (release !== null) this.output.releaseWhenSent(release);
    }
    this.#unflushedBytes += head.length + bodyBytes;
    if (this.#unflushedBytes > maxUnflushedBytes) {
      this.#unflushedBytes = 0;
      this.output.flush();
    }
    return head.length + bodyBytes;
  }

  /**
   * Writes the head of an answer whose body follows in pieces; the body ends with a last chunk, or with the connection.
   */
  begin({ status, headers }: Http1Request, isChunked: boolean, idleTimeoutMs: number | null): void {
    const framed = isChunked ? [...headers, 'Transfer-Encoding', 'chunked'] : headers;
    this.#text(responseHead(status, framed, null, idleTimeoutMs));
  }

  piece(bytes: Uint8Array, isChunked: boolean): void {
    if (isChunked) this.#text(`${bytes.length.toString(16)}\r\n`);
    this.output.append(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    if (isChunked) this.#text('\r\n');
  }

  lastChunk(): void {
    this.#text('0\r\n\r\n');
  }

  /** The answer of the request is complete: its memory is released when it was sent or never will be. */
  releaseWhenWritten(request: Http1Request): void {
    const { release } = request;
    request.release = null;
    if (release !== null) this.output.releaseWhenSent(release);
  }

  #copy(text: string, parts: readonly Uint8Array[], bytes: number): void {
    const { output } = this;
    let at = output.reserve(bytes);
    const { target } = output;
    at += target.write(text, at, 'latin1');
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as Uint8Array;
      target.set(part, at);
      at += part.length;
    }
    output.commit(at);
  }

  #text(text: string): void {
    if (text.length <= maxCopiedBytes) this.#copy(text, [], text.length);
    else this.output.append(Buffer.from(text, 'latin1'));
  }
}
