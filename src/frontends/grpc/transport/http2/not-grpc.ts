/**
 * Answers requests that are HTTP/2 but not gRPC – a browser, a probe, a client on the wrong port – and names the
 * protocol of this port.
 */

import type { Http2Stream, StreamReceiver } from '../../../../http2/stream.ts';
import type { CallHead } from './call-head.ts';
import { httpStatusFields } from './status-fields.ts';

/** The most bytes of a body that are read to its end. */
const maxIgnoredBytes = 64 * 1024;

export class NotGrpc implements StreamReceiver {
  readonly #stream: Http2Stream;
  readonly #status: number;
  readonly #text: string;
  #ignoredBytes = 0;

  constructor(stream: Http2Stream, { method, contentType }: CallHead) {
    this.#stream = stream;
    this.#status = method === 'POST' ? 415 : 405;
    const given = method === 'POST' ? `the content-type '${contentType}'` : `the method ${method}`;
    this.#text = `This port speaks gRPC: POST with content-type application/grpc, got ${given}.\n`;
  }

  onData(_bytes: Buffer, start: number, end: number): void {
    this.#stream.take(end - start);
    this.#ignoredBytes += end - start;
    if (this.#ignoredBytes > maxIgnoredBytes) this.onEnd();
  }

  /** A complete request gets its answer after its end, as clients of HTTP expect. */
  onEnd(): void {
    this.#stream.sendHeaders(httpStatusFields(this.#status), false);
    this.#stream.sendLastData(Buffer.from(this.#text));
  }

  onClosed(): void {
    this.#ignoredBytes = 0;
  }
}
