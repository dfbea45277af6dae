/**
 * Records: a request or an answer without its tensors' bytes, as numbers of eight bytes in a page. A name that repeats
 * is sent once, and later as a number. Writer and reader go through the fields in the same order; `request-record.ts`
 * and `response-record.ts` define it.
 */

/** Names up to this length are numbered, at most `maxNames` of them; other texts are written out each time. */
const maxNameLength = 128;
const maxNames = 1024;

/** In place of a name's number: the text follows, and whether it is to be remembered. */
const inlineText = -1;
const newName = -2;

const wordBytes = 8;

/** An upper bound of the numbers that a text of so many characters takes. */
export const textNumbers = (text: string): number => 3 + Math.ceil((text.length * 3) / wordBytes);

/** A bug: every record is measured before it is written, and only `RecordWriter` writes records. */
const outOfRecord = (verb: 'written' | 'read'): Error => new RangeError(`more is ${verb} than the record has room for`);

export class RecordWriter {
  readonly #names = new Map<string, number>();
  #numbers: Float64Array = new Float64Array(0);
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  /** Names that the reader knows, or will before it reads the next record. */
  #sentNames = 0;

  /**
   * From here on in a page; both are views on the whole of it.
   *
   * @param length Numbers that were reserved for the record: writing more of them is an error. The first number of the
   * record is this length.
   */
  begin(numbers: Float64Array, bytes: Buffer, byteOffset: number, length: number): void {
    this.#numbers = numbers;
    this.#bytes = bytes;
    this.#at = byteOffset / wordBytes;
    this.#end = Math.min(this.#at + length, numbers.length);
    this.number(length);
  }

  /** The record will be sent, so its new names are known to the reader. */
  commit(): void {
    this.#sentNames = this.#names.size;
  }

  /** The record since the last `commit` will not be sent, so the reader does not learn its new names. */
  abandon(): void {
    for (const [name, known] of this.#names) if (known >= this.#sentNames) this.#names.delete(name);
  }

  number(value: number): void {
    const at = this.#at++;
    if (at >= this.#end) throw outOfRecord('written');
    this.#numbers[at] = value;
  }

  /** Writes a text that will probably repeat. */
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
    const room = this.#end * wordBytes - start;
    // Three bytes is the most that a UTF-16 unit takes; a text that does not fit would be truncated silently.
    if (text.length * 3 > room && Buffer.byteLength(text) > room) throw outOfRecord('written');
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
  #end = 0;

  /** @returns the length of the record in numbers. */
  begin(numbers: Float64Array, bytes: Buffer, byteOffset: number): number {
    this.#numbers = numbers;
    this.#bytes = bytes;
    this.#at = byteOffset / wordBytes;
    this.#end = numbers.length;
    const start = this.#at;
    const length = this.number();
    if (!(length >= 1 && length <= numbers.length - start)) throw outOfRecord('read');
    this.#end = start + length;
    return length;
  }

  number(): number {
    const at = this.#at++;
    if (at >= this.#end) throw outOfRecord('read');
    return this.#numbers[at] as number;
  }

  /** Reads the length of a list whose elements take at least one number each. */
  count(): number {
    const count = this.number();
    if (!(count >= 0 && count <= this.#end - this.#at)) throw outOfRecord('read');
    return count;
  }

  text(): string {
    const known = this.number();
    if (known >= 0) return this.#known(known);
    const length = this.number();
    const start = this.#at * wordBytes;
    if (!(length >= 0 && length <= this.#end * wordBytes - start)) throw outOfRecord('read');
    this.#at += Math.ceil(length / wordBytes);
    const text = this.#bytes.toString('utf8', start, start + length);
    if (known === newName) this.#names.push(text);
    return text;
  }
  #known(number: number): string {
    const name = this.#names[number];
    if (name === undefined) throw new RangeError(`a record mentions name ${number}, which was never sent`);
    return name;
  }
}
