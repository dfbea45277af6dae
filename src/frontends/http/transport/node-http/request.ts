/** A request of `node:http` as handlers see it. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AnswerSource } from '../../../../http1/answer-source.ts';
import type { BodyReceiver } from '../../../../http1/body-receiver.ts';
import type { CountWaiting } from '../../../../sockets/socket-writer.ts';
import type { RequestListener } from '../../../../http1/request.ts';
import type { NodeConnection, OpenRequest } from './connection.ts';
import type { ReceivedHead, ReceivedRequest } from '../transport.ts';

class NodeHead implements ReceivedHead {
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: readonly string[];
  readonly bodyBytes: number | null;
  readonly #headers: IncomingMessage['headers'];

  constructor({ method = '', url = '', rawHeaders, headers }: IncomingMessage) {
    this.method = method;
    this.target = url;
    this.rawHeaders = rawHeaders;
    this.#headers = headers;
    this.bodyBytes = headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : null;
  }

  header(name: string): string | undefined {
    const value = this.#headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }
}

export class NodeRequest implements ReceivedRequest, OpenRequest {
  readonly head: ReceivedHead;
  listener: RequestListener | null = null;
  mustClose = false;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #connection: NodeConnection;
  #isOpen = true;
  #receiver: BodyReceiver | null = null;
  #release: (() => void) | null = null;
  /** The source of an answer in pieces. */
  #source: AnswerSource | null = null;
  readonly #countWaiting: CountWaiting;
  #countedBytes = 0;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    connection: NodeConnection,
    countWaiting: CountWaiting,
  ) {
    this.head = new NodeHead(request);
    this.#request = request;
    this.#response = response;
    this.#connection = connection;
    this.#countWaiting = countWaiting;
  }

  get peerAddress(): string {
    return this.#request.socket.remoteAddress ?? '';
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isReceived(): boolean {
    return this.#request.complete;
  }

  collect(receiver: BodyReceiver): void {
    this.#receiver = receiver;
    this.#request.on('data', (chunk: Buffer) => receiver.onData(chunk, 0, chunk.length));
    this.#request.on('end', () => receiver.onEnd());
  }

  respond(
    status: number,
    headers: readonly string[],
    text: string,
    parts: readonly Uint8Array[] = [],
    release: (() => void) | null = null,
  ): void {
    if (!this.#isOpen) {
      release?.();
      return;
    }
    this.#isOpen = false;
    this.#release = release;
    this.#stopBody();
    const response = this.#response;
    if (this.mustClose || this.#connection.closesAfter(this)) response.shouldKeepAlive = false;
    const bodyBytes = parts.reduce((sum, part) => sum + part.length, text.length);
    response.writeHead(status, [...headers, 'Content-Length', String(bodyBytes)]);
    if (parts.length > 0) this.#connection.limitTime();
    this.#countedBytes = bodyBytes;
    this.#countWaiting(bodyBytes);
    response.cork();
    if (text !== '') response.write(text, 'latin1');
    for (const part of parts) response.write(part);
    response.end(() => {
      this.#releaseOnce();
      this.#connection.answered(this);
    });
  }

  respondInPieces(status: number, headers: readonly string[], source: AnswerSource): void {
    if (!this.#isOpen) {
      source.done();
      return;
    }
    this.#isOpen = false;
    this.#release = () => source.done();
    this.#stopBody();
    const response = this.#response;
    if (this.mustClose || this.#connection.closesAfter(this)) response.shouldKeepAlive = false;
    response.writeHead(status, [...headers]);
    this.#connection.limitTime();
    this.#source = source;
    response.on('drain', () => this.continueAnswer());
    this.continueAnswer();
  }

  continueAnswer(): void {
    const source = this.#source;
    if (source === null || this.#response.destroyed) return;
    try {
      // One piece per turn of the event loop, so that a fast reader does not delay all others.
      const piece = source.next();
      if (piece === 'later') return;
      if (piece !== 'end') {
        if (this.#response.write(piece)) setImmediate(() => this.continueAnswer());
        return;
      }
      this.#source = null;
      this.#response.end(() => {
        this.#releaseOnce();
        this.#connection.answered(this);
      });
    } catch (error) {
      this.#source = null;
      this.#response.destroy(error instanceof Error ? error : undefined);
    }
  }

  /** The connection is lost. */
  abandon(): void {
    this.#source = null;
    this.#releaseOnce();
    this.#dropReceiver();
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.listener?.onLost();
  }

  #dropReceiver(): void {
    const receiver = this.#receiver;
    this.#receiver = null;
    receiver?.onDropped?.();
  }

  /** The receiver gets no more bytes; the rest of the body is dropped. */
  #stopBody(): void {
    this.#request.removeAllListeners('data');
    this.#request.removeAllListeners('end');
    this.#request.resume();
    this.#dropReceiver();
  }

  #releaseOnce(): void {
    this.#countWaiting(-this.#countedBytes);
    this.#countedBytes = 0;
    this.#release?.();
    this.#release = null;
  }
}
