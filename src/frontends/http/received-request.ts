/**
 * The request as `node:http` gives it, and how its body reaches whoever collects it. Collecting is in `request-body.ts`.
 */

import { IncomingMessage } from 'node:http';

/** Takes the body in the pieces in which it arrives. */
export interface BodySink {
  /** The piece belongs to the sink. */
  add(chunk: Buffer): void;
  /** Nothing more will come. Not called when the connection breaks before. */
  end(): void;
}

/** The body comes by the events of the stream. */
export class ReceivedRequest extends IncomingMessage {
  /** Whether the body goes to a sink. */
  isCollected = false;

  /** Called in the turn in which the request arrived, at most once. */
  collect(sink: BodySink): void {
    this.isCollected = true;
    this.on('data', (chunk: Buffer) => sink.add(chunk));
    this.on('end', () => sink.end());
  }

  /** The sink gets no more; what still comes is for nobody. */
  ignoreRest(): void {
    this.removeAllListeners('data');
    this.removeAllListeners('end');
  }
}

/**
 * The body goes from the parser to the sink, past the stream's buffer and its events, which cost as much as the rest of a
 * small request. That the parser pushes into the request is how any stream is fed, but Node does not promise it of this one:
 * `direct-path-trial.ts` looks whether it is so.
 */
export class DirectRequest extends ReceivedRequest {
  #sink: BodySink | null = null;

  override collect(sink: BodySink): void {
    this.isCollected = true;
    this.#sink = sink;
    // Tells Node that the body is wanted, or it would throw the rest away after the answer.
    this.read(0);
  }

  override ignoreRest(): void {
    this.#sink = null;
  }

  override push(chunk: Buffer | null): boolean {
    if (!this.isCollected) return super.push(chunk);
    if (chunk === null) this.#sink?.end();
    else this.#sink?.add(chunk);
    return true;
  }
}

// A collected request has ended when it is complete: nobody reads the stream to its `end`, and what Node does at the end of
// a connection depends on it. The types say that it is a field, which only this way can be replaced.
const inherited = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(IncomingMessage.prototype), 'readableEnded');
Object.defineProperty(DirectRequest.prototype, 'readableEnded', {
  configurable: true,
  get(this: DirectRequest): boolean {
    return this.isCollected ? this.complete : (inherited?.get?.call(this) as boolean);
  },
});
