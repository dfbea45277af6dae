/** Elements of BOOL and BYTES tensors in JSON. */

import type { Shape } from '../../../tensor/shape.ts';
import { continuesRun, ElementSink, wrongElement } from './element-sink.ts';
import type { JsonReader } from './reader.ts';

const quote = 0x22;
/** Up to this many bytes a loop is faster than a call that copies them. */
const maxLooped = 48;

export class BooleanSink extends ElementSink {
  readonly #target: Uint8Array;

  constructor(name: string, shape: Shape, count: number) {
    super(name, 'BOOL', shape, count);
    this.#target = new Uint8Array(count);
  }

  override readRun(reader: JsonReader): void {
    do {
      if (this.index === this.count) throw this.tooMany();
      if (reader.word('true')) this.#target[this.index++] = 1;
      else if (reader.word('false')) this.#target[this.index++] = 0;
      else throw wrongElement(reader, this, 'boolean');
    } while (reader.at < reader.pauseAt && continuesRun(reader));
  }

  override bytes(): Uint8Array {
    return this.#target;
  }
}

/** Strings become their UTF-8 bytes behind a length prefix; without escapes they are copied as they stand. */
export class StringSink extends ElementSink {
  #target: Buffer;
  #used = 0;

  constructor(name: string, shape: Shape, count: number) {
    super(name, 'BYTES', shape, count);
    this.#target = Buffer.allocUnsafeSlow(Math.max(64, Math.min(count * 16, 65536)));
  }

  override readRun(reader: JsonReader): void {
    do {
      if (this.index === this.count) throw this.tooMany();
      const start = reader.at;
      if (reader.bytes[start] !== quote) throw wrongElement(reader, this, 'string');
      const isPlain = reader.skipString(Number.POSITIVE_INFINITY);
      if (isPlain) this.#append(reader.bytes, start + 1, reader.at - 1);
      else this.#appendText(reader.unescaped(start, reader.at));
      this.index++;
    } while (reader.at < reader.pauseAt && continuesRun(reader));
  }

  override bytes(): Uint8Array {
    return this.#target.subarray(0, this.#used);
  }

  #append(source: Buffer, start: number, end: number): void {
    const length = end - start;
    const at = this.#reserve(length);
    if (length > maxLooped) {
      source.copy(this.#target, at, start, end);
      return;
    }
    const target = this.#target;
    for (let i = 0; i < length; i++) target[at + i] = source[start + i] as number;
  }

  #appendText(text: string): void {
    const at = this.#reserve(Buffer.byteLength(text));
    this.#target.write(text, at);
  }

  /** Writes the prefix and returns where the `length` bytes go. */
  #reserve(length: number): number {
    const at = this.#used + 4;
    const used = at + length;
    if (used > this.#target.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(used, this.#target.length * 2));
      this.#target.copy(grown, 0, 0, this.#used);
      this.#target = grown;
    }
    const target = this.#target;
    const prefixAt = this.#used;
    target[prefixAt] = length;
    target[prefixAt + 1] = length >>> 8;
    target[prefixAt + 2] = length >>> 16;
    target[prefixAt + 3] = length >>> 24;
    this.#used = used;
    return at;
  }
}
