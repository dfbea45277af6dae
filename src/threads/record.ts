/**
 * Records: what a request or an answer says besides its tensors' bytes, as numbers of eight bytes in a page. Names that
 * come again and again are sent once and then by number. Writing and reading go through the fields in the same order;
 * `request-record.ts` and `response-record.ts` say which.
 */

/** Names up to this length are remembered, and this many of them; other texts are written out each time. */
const maxNameLength = 128;
const maxNames = 1024;

/** In place of a name's number: the text follows, and is to be remembered or not. */
const inlineText = -1;
const newName = -2;

const wordBytes = 8;

/** More numbers than a text of that many characters takes. */
export const textNumbers = (text: string): number => 3 + Math.ceil((text.length * 3) / wordBytes);

export class RecordWriter {
  readonly #names = new Map<string, number>();
  #numbers: Float64Array = new Float64Array(0);
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  /** From here on in a page; both are views on the whole of it. */
  begin(numbers: Float64Array, bytes: Buffer, byteOffset: number): void {
    this.#numbers = numbers;
    this.#bytes = bytes;
    this.#at = byteOffset / wordBytes;
  }

  number(value: number): void {
    this.#numbers[this.#at++] = value;
  }

  /** A text that will come again. */
  name(text: string): void {
    const known = this.#names.get(text);
    if (known !== undefined) {
      this.number(known);
    } else if (text.length <= maxNameLength && this.#names.size < maxNames) {
      this.#names.set(text, this.#names.size);
      this.number(newName);
      this.#write(text);
    } else {
      this.text(text);
    }
  }

  text(text: string): void {
    this.number(inlineText);
    this.#write(text);
  }

  #write(text: string): void {
    const start = (this.#at + 1) * wordBytes;
    const length = this.#bytes.write(text, start, 'utf8');
    this.number(length);
    this.#at += Math.ceil(length / wordBytes);
  }
}

export class RecordReader {
  readonly #names: string[] = [];
  #numbers: Float64Array = new Float64Array(0);
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  begin(numbers: Float64Array, bytes: Buffer, byteOffset: number): void {
    this.#numbers = numbers;
    this.#bytes = bytes;
    this.#at = byteOffset / wordBytes;
  }

  number(): number {
    return this.#numbers[this.#at++] as number;
  }

  text(): string {
    const known = this.number();
    if (known >= 0) return this.#names[known] as string;
    const length = this.number();
    const start = this.#at * wordBytes;
    this.#at += Math.ceil(length / wordBytes);
    const text = this.#bytes.toString('utf8', start, start + length);
    if (known === newName) this.#names.push(text);
    return text;
  }
}
