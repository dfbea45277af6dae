/**
 * Cuts a byte stream into HTTP/1.1 answers of known length. A stream of equal answers is the normal case: a head that
 * equals the one before is not parsed again. Chunked answers are refused: the server knows its lengths.
 */

import { ReceivedBytes } from './received-bytes.ts';

/** The tensors begin at `binaryStart` of the body. */
export type OnHttpAnswer = (status: number, body: ReceivedBytes, binaryStart: number) => void;

interface Head {
  readonly status: number;
  readonly bodyBytes: number;
  readonly binaryStart: number;
}

const nothing = Buffer.alloc(0);

export class HttpAnswerReader {
  readonly #onAnswer: OnHttpAnswer;
  /** The beginning of a head; never bytes of a body. */
  #rest: Buffer = nothing;
  #lastText = '';
  #lastHead: Head = { status: 0, bodyBytes: 0, binaryStart: 0 };
  /** The body that is being received, of the answer with `#lastHead`. */
  #body: ReceivedBytes | null = null;

  constructor(onAnswer: OnHttpAnswer) {
    this.#onAnswer = onAnswer;
  }

  /** Takes the next bytes, which must not change, and reports each answer that they complete. Throws on bytes that are no answer. */
  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = nothing;
    let at = 0;
    for (;;) {
      const body = this.#body;
      if (body === null) {
        const headEnd = bytes.indexOf('\r\n\r\n', at, 'latin1');
        if (headEnd < 0) break;
        this.#readHead(bytes.toString('latin1', at, headEnd));
        this.#body = new ReceivedBytes();
        at = headEnd + 4;
        continue;
      }
      const { status, bodyBytes, binaryStart } = this.#lastHead;
      const end = Math.min(bytes.length, at + bodyBytes - body.length);
      if (end > at) body.add(bytes.subarray(at, end));
      at = end;
      if (body.length < bodyBytes) return;
      this.#body = null;
      this.#onAnswer(status, body, binaryStart);
    }
    if (at < bytes.length) this.#rest = bytes.subarray(at);
  }

  #readHead(text: string): void {
    if (text === this.#lastText) return;
    this.#lastHead = parseHead(text);
    this.#lastText = text;
  }
}

function parseHead(text: string): Head {
  const status = /^HTTP\/1\.1 (\d{3})\b/.exec(text)?.[1];
  const bodyBytes = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
  const binaryStart = /\r\ninference-header-content-length: *(\d+)/i.exec(text)?.[1];
  if (status === undefined || bodyBytes === undefined) {
    throw new Error(`expected an HTTP/1.1 answer with a Content-Length, got: ${text.slice(0, 200)}`);
  }
  return { status: Number(status), bodyBytes: Number(bodyBytes), binaryStart: Number(binaryStart ?? bodyBytes) };
}
