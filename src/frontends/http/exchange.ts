/**
 * One request and its answer on a connection. It writes answers, knows whether the caller is still there, and says so to
 * whoever works for it. Which exchanges are open is kept in `open-exchanges.ts`.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { InferenceError } from '../../errors.ts';
import { Cancellation } from '../../inference/context.ts';
import { errorStatus } from '../error-status.ts';
import type { OpenExchanges } from './open-exchanges.ts';
import type { Reply } from './reply.ts';

/** A client that takes no bytes of a large answer for this long is cut off, because its answer holds engine memory. */
const stalledWriteMs = 60_000;

export class Exchange {
  readonly request: IncomingMessage;
  /** When the head of the request had arrived, on the server's clock (ms). */
  readonly receivedAtMs: number;
  /** Cancelled when the connection closes before the answer is complete. */
  readonly cancellation = new Cancellation();
  readonly #response: ServerResponse;
  readonly #open: OpenExchanges;
  #state: 'open' | 'answered' | 'closed' = 'open';
  #mustClose = false;
  #onClosed: (() => void) | null = null;

  constructor(request: IncomingMessage, response: ServerResponse, open: OpenExchanges, receivedAtMs: number) {
    this.request = request;
    this.receivedAtMs = receivedAtMs;
    this.#response = response;
    this.#open = open;
  }

  /** Whether an answer can still be given. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** The connection ends with this answer: the rest of the request will not be read. */
  closeAfterAnswer(): void {
    this.#mustClose = true;
  }

  /** @param headers further names and values, alternating. */
  answer({ status, json }: Reply, headers: readonly string[] = []): void {
    if (json !== '') this.#answerText(status, json, headers);
    else if (this.#begin(status, ['Content-Length', '0', ...headers])) this.#response.end(this.#finished);
  }

  answerError(error: InferenceError, headers: readonly string[] = []): void {
    const text = `{"error":${JSON.stringify(error.message)}}`;
    this.#answerText(errorStatus[error.code].http, text, headers);
  }

  /** `text` holds bytes, one per character; `headers` has their number. */
  answerBytes(headers: readonly string[], text: string): void {
    if (this.#begin(200, headers)) this.#response.end(text, 'latin1', this.#finished);
  }

  /**
   * Writes the parts without copying them.
   *
   * @param release called once, when the bytes have left this process or never will.
   */
  answerParts(headers: readonly string[], parts: readonly (string | Uint8Array)[], release: () => void): void {
    if (!this.#begin(200, headers)) {
      release();
      return;
    }
    const response = this.#response;
    this.#onClosed = release;
    response.socket?.setTimeout(stalledWriteMs);
    response.cork();
    for (const part of parts) if (part.length > 0) response.write(part);
    response.end(this.#finished);
  }

  /** Called when the connection is gone. */
  abandon(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.cancellation.cancel();
    this.#onClosed?.();
    this.#onClosed = null;
  }

  #answerText(status: number, text: string, headers: readonly string[]): void {
    const length = Buffer.byteLength(text);
    if (!this.#begin(status, ['Content-Type', 'application/json', 'Content-Length', String(length), ...headers]))
      return;
    // Head and body leave as one string; without non-ASCII characters it is not encoded again.
    this.#response.end(text, length === text.length ? 'latin1' : 'utf8', this.#finished);
  }

  #begin(status: number, headers: readonly string[]): boolean {
    if (this.#state !== 'open') return false;
    this.#state = 'answered';
    if (this.#mustClose || this.#open.closesAfter(this)) this.#response.shouldKeepAlive = false;
    this.#response.writeHead(status, headers as string[]);
    return true;
  }

  readonly #finished = (): void => {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#onClosed?.();
    this.#onClosed = null;
    this.#open.close(this);
  };
}
