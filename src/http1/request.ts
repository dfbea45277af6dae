/** One request of a connection and its answer. The connection sends answers in order. */

import type { AnswerSource } from './answer-source.ts';
import type { BodyReceiver } from './body-receiver.ts';
import type { RequestHead } from './request-head.ts';

/** The connection as its requests need it. */
export interface RequestConnection {
  /** Address of the peer, '' when the connection is lost. */
  readonly peerAddress: string;
  /** The request has its answer. */
  answered(request: Http1Request): void;
  /** The body of the request is wanted. */
  wanted(request: Http1Request): void;
  /** There may be a next piece of its answer. */
  continued(request: Http1Request): void;
}

export interface RequestListener {
  /** Whether `onLost` would end work, so that it is useful to find out early whether the client has left. */
  readonly endsWhenLost: boolean;
  /** The connection was lost before the answer was given. Called at most once. */
  onLost(): void;
}

const noParts: readonly Uint8Array[] = [];

export class Http1Request {
  readonly head: RequestHead;
  listener: RequestListener | null = null;
  /** The answer; meaningless while the status is 0. */
  status = 0;
  headers: readonly string[] = [];
  text = '';
  parts: readonly Uint8Array[] = noParts;
  release: (() => void) | null = null;
  /** The body of an answer in pieces; null for one that is whole. */
  source: AnswerSource | null = null;
  /** The counted bytes: the head, and the answer while it waits behind others. */
  countedBytes = 0;
  /** The next request of the connection. */
  next: Http1Request | null = null;
  /** Receives the body; null drops it. */
  receiver: BodyReceiver | null = null;
  /** Whether the last byte of the body was received. */
  isReceived: boolean;
  /** Whether the client may still wait for `100 Continue`. */
  awaitsContinue: boolean;
  /** The connection ends with the answer: the rest of the request will not be read. */
  mustClose = false;
  #isOpen = true;
  readonly #connection: RequestConnection;

  constructor(head: RequestHead, connection: RequestConnection) {
    this.head = head;
    this.isReceived = head.bodyBytes === 0;
    this.awaitsContinue = head.expectsContinue;
    this.#connection = connection;
  }

  get peerAddress(): string {
    return this.#connection.peerAddress;
  }

  /** The size of the body of the answer. */
  get answerBytes(): number {
    let bytes = this.text.length;
    for (let i = 0; i < this.parts.length; i++) bytes += (this.parts[i] as Uint8Array).length;
    return bytes;
  }

  /** Whether there is no answer yet and the connection is open. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** At most once, in the call that brought the request, and only where there is a body. Uncollected, it is dropped. */
  collect(receiver: BodyReceiver): void {
    this.receiver = receiver;
    this.#connection.wanted(this);
  }

  /**
   * Gives the answer. If the client has left, only `release` is called.
   *
   * @param headers Names and values, alternating, without those of framing: Content-Length, Date and Connection are
   * added.
   * @param text    The beginning of the body, one byte per character.
   * @param parts   The body after the text; not changed until `release`.
   * @param release Called once, when the parts have left this process or never will.
   */
  respond(
    status: number,
    headers: readonly string[],
    text: string,
    parts: readonly Uint8Array[] = noParts,
    release: (() => void) | null = null,
  ): void {
    if (!this.#isOpen) {
      release?.();
      return;
    }
    this.#isOpen = false;
    this.#dropReceiver();
    this.status = status;
    this.headers = headers;
    this.text = text;
    this.parts = parts;
    this.release = release;
    this.#connection.answered(this);
  }

  /**
   * Gives an answer whose body comes in pieces, pulled from `source` as the client takes them. If the client has left,
   * only `source.done` is called.
   *
   * @param headers As for `respond`; Transfer-Encoding is added.
   */
  respondInPieces(status: number, headers: readonly string[], source: AnswerSource): void {
    if (this.#isOpen) this.source = source;
    this.respond(status, headers, '', noParts, () => source.done());
  }

  /** Asks the source again after it returned `later`. */
  continueAnswer(): void {
    if (this.source !== null) this.#connection.continued(this);
  }

  /** The connection is lost, and with it the answer if it has not been written. */
  abandon(): void {
    this.#dropReceiver();
    const { release } = this;
    this.release = null;
    release?.();
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.listener?.onLost();
  }

  /** The rest of the body is not wanted. */
  #dropReceiver(): void {
    const { receiver } = this;
    this.receiver = null;
    receiver?.onDropped?.();
  }
}
