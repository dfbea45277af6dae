/**
 * Cuts a byte stream into HTTP/1.1 answers of known length. A stream of equal answers is the normal case: a head that
 * equals the one before is not parsed again. Chunked answers are refused: the server knows its lengths.
 */

/** `body` is a view on the bytes read and holds only during the call; the tensors begin at `binaryStart`. */
export type OnHttpAnswer = (status: number, body: Buffer, binaryStart: number) => void;

interface Head {
  readonly status: number;
  readonly bodyBytes: number;
  readonly binaryStart: number;
}

const nothing = Buffer.alloc(0);

export class HttpAnswerReader {
  readonly #onAnswer: OnHttpAnswer;
  #rest: Buffer = nothing;
  #lastText = '';
  #lastHead: Head = { status: 0, bodyBytes: 0, binaryStart: 0 };

  constructor(onAnswer: OnHttpAnswer) {
    this.#onAnswer = onAnswer;
  }

  /** Takes the next bytes and reports each answer that they complete. Throws on bytes that are no answer. */
  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at < bytes.length) {
      const headEnd = bytes.indexOf('\r\n\r\n', at, 'latin1');
      if (headEnd < 0) break;
      const head = this.#head(bytes.toString('latin1', at, headEnd));
      const bodyStart = headEnd + 4;
      if (bytes.length < bodyStart + head.bodyBytes) break;
      at = bodyStart + head.bodyBytes;
      this.#onAnswer(head.status, bytes.subarray(bodyStart, at), head.binaryStart);
    }
    this.#rest = at === bytes.length ? nothing : bytes.subarray(at);
  }

  #head(text: string): Head {
    if (text !== this.#lastText) {
      this.#lastHead = parseHead(text);
      this.#lastText = text;
    }
    return this.#lastHead;
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
