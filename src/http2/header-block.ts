/** A header block in several frames (RFC 9113, section 6.10), bounded in bytes and in frames. */

import { calmDown } from './error-code.ts';
import type { Http2Limits } from './limits.ts';

export class HeaderBlock {
  readonly streamId: number;
  readonly isStreamEnd: boolean;
  readonly startedAtMs: number;
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  #frames = 0;

  constructor(streamId: number, isStreamEnd: boolean, startedAtMs: number) {
    this.streamId = streamId;
    this.isStreamEnd = isStreamEnd;
    this.startedAtMs = startedAtMs;
  }

  /** Copies the fragment. @throws ConnectionError beyond the limits. */
  add(bytes: Buffer, start: number, end: number, limits: Http2Limits): void {
    this.#bytes += end - start;
    this.#frames++;
    if (this.#bytes > limits.maxHeaderBlockBytes) throw calmDown('a header block is too large');
    if (this.#frames > limits.maxContinuations) throw calmDown('a header block comes in too many frames');
    this.#parts.push(Buffer.from(bytes.subarray(start, end)));
  }

  whole(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
