/**
 * One request and its answer on a connection. It writes answers, knows whether the caller is still there, and says so to
 * whoever works for it. Which exchanges are open is kept in `open-exchanges.ts`.
 *
 * The usual answer – of a request that was read to its end, over a connection that goes on – is written to the socket as one
 * string, and Node is told by the event `finish` that its response is over: Node's own way from `writeHead` to that event
 * takes half of the processor time of a small request. Node does not promise that this event is all it waits for;
 * `direct-path-trial.ts` looks whether it is so, and all other answers go Node's way.
 */

import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { InferenceError } from '../../errors.ts';
import { Cancellation } from '../../inference/context.ts';
import { errorStatus } from '../error-status.ts';
import type { HttpConnection } from './http-connection.ts';
import { httpDate } from './http-date.ts';
import type { OpenExchanges } from './open-exchanges.ts';
import type { ReceivedRequest } from './received-request.ts';
import type { Reply } from './reply.ts';

/** Longer than load balancers keep theirs, so that it is they who close idle connections. */
export const keepAliveTimeoutMs = 75_000;

const persistence = `\r\nConnection: keep-alive\r\nKeep-Alive: timeout=${keepAliveTimeoutMs / 1000}\r\n\r\n`;

/** A client that takes no bytes of a large answer for this long is cut off, because its answer holds engine memory. */
const stalledWriteMs = 60_000;

export class Exchange {
  readonly request: ReceivedRequest;
  /** Null when it was gone before the request was looked at. */
  readonly connection: HttpConnection | null;
  /** When the head of the request had arrived, on the server's clock (ms). */
  readonly receivedAtMs: number;
  /** Cancelled when the connection closes before the answer is complete. */
  readonly cancellation = new Cancellation();
  readonly #response: ServerResponse;
  readonly #open: OpenExchanges;
  #state: 'open' | 'answered' | 'closed' = 'open';
  #mustClose = false;
  #isReceived = false;
  #onClosed: (() => void) | null = null;

  constructor(request: ReceivedRequest, response: ServerResponse, open: OpenExchanges, receivedAtMs: number) {
    this.request = request;
    this.receivedAtMs = receivedAtMs;
    this.#response = response;
    this.#open = open;
    this.connection = open.connectionOf(request.socket);
  }

  /** Whether an answer can still be given. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** The whole body is here. */
  bodyReceived(): void {
    this.#isReceived = true;
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
    this.#answerLatin1(200, headers, text);
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
    this.connection?.limitTime(stalledWriteMs);
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

  #answerText(status: number, text: string, more: readonly string[]): void {
    const length = Buffer.byteLength(text);
    const headers = ['Content-Type', 'application/json', 'Content-Length', String(length), ...more];
    if (length === text.length) this.#answerLatin1(status, headers, text);
    else if (this.#begin(status, headers)) this.#response.end(text, 'utf8', this.#finished);
  }

  #answerLatin1(status: number, headers: readonly string[], text: string): void {
    if (this.#isDirect()) {
      this.#state = 'closed';
      this.#open.closeWith(this, headOf(status, headers) + text);
      this.#response.emit('finish');
    } else if (this.#begin(status, headers)) {
      const response = this.#response;
      // Corked, head and text leave as one string; a text given to `end` is followed by an empty piece and a slower write.
      response.cork();
      response.write(text, 'latin1', this.#finished);
      response.uncork();
      response.end();
    }
  }

  #isDirect(): boolean {
    const { request } = this;
    const response = this.#response;
    return (
      this.#open.writesDirectly &&
      this.#state === 'open' &&
      this.#isReceived &&
      request.isCollected &&
      request.httpVersion === '1.1' &&
      response.shouldKeepAlive &&
      // It is the turn of this answer.
      response.socket?.writable === true &&
      !this.#mustClose &&
      !this.#open.closesAfter(this)
    );
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

/** As Node writes it. */
function headOf(status: number, headers: readonly string[]): string {
  let text = status === 200 ? 'HTTP/1.1 200 OK\r\n' : `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return `${text}Date: ${httpDate()}${persistence}`;
}
