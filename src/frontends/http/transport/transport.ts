/**
 * The interface between handlers and transports. A transport speaks HTTP/1.1 and knows nothing of inference; handlers
 * know nothing of sockets. The requests of src/http1 have this interface as they are; `node:http` is another transport.
 */

import type { AnswerSource } from '../../../http1/answer-source.ts';
import type { BodyReceiver } from '../../../http1/body-receiver.ts';
import type { RequestListener } from '../../../http1/request.ts';
import type { ListenAddress } from '../../../server/server-config.ts';
import { shownMessage } from '../../error-status.ts';
import type { Listening, ListeningSocket } from '../../frontend.ts';

export interface ReceivedHead {
  readonly method: string;
  /** As sent: path and query, or the absolute form. */
  readonly target: string;
  /** Names and values, alternating, as sent and in that order. */
  readonly rawHeaders: readonly string[];
  /** The length of the body; null when it is chunked. */
  readonly bodyBytes: number | null;
  /** The value of a header by its lower-case name; those of a repeated one are joined by `, `. */
  header(name: string): string | undefined;
}

export interface ReceivedRequest {
  readonly head: ReceivedHead;
  /** The address of the client, '' when the connection is lost. */
  readonly peerAddress: string;
  /** Notified when the caller has left. */
  listener: RequestListener | null;
  /** Whether there is no answer yet and the connection is open. */
  readonly isOpen: boolean;
  /** The connection ends with the answer: the rest of the request will not be read. */
  mustClose: boolean;
  /**
   * At most once, in the turn in which the request came, and only where there is a body. Uncollected, it is dropped.
   */
  collect(receiver: BodyReceiver): void;
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
    parts?: readonly Uint8Array[],
    release?: (() => void) | null,
  ): void;
  /** Gives an answer whose body is asked from `source`, piece by piece, as the client takes it. */
  respondInPieces(status: number, headers: readonly string[], source: AnswerSource): void;
  /** Asks the source again after it returned `later`. */
  continueAnswer(): void;
}

export interface HttpRequestHandler {
  /** Called for each request when its head has arrived, in the order of arrival on its connection. */
  onRequest(request: ReceivedRequest): void;
  onUnexpected(error: unknown): void;
}

export interface HttpTransport {
  /** Listens on the socket, or at the address when there is none. Rejects with a sentence that names the address. */
  start(handler: HttpRequestHandler, listen: ListenAddress, socket: ListeningSocket | null): Promise<Listening>;
}

/** How long a drain keeps connections without a request open: longer than any round trip. */
export const drainGraceMs = 500;

/** The headers of an answer in JSON. */
export const jsonHeaders: readonly string[] = ['Content-Type', 'application/json'];

/** The body of every answer that is an error. */
export const errorText = (message: string): string => JSON.stringify({ error: shownMessage(message) });
