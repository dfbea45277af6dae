/**
 * Decodes header blocks into header fields (RFC 7541 6), with the dynamic table of one direction of one connection. The
 * memory that a block takes is bound by its own length, the table's size and the list's: a block of one-octet
 * references to a large entry yields no more fields than fit the list.
 *
 * On the hot path: a repeated block of a client is a look-up per field, with nothing allocated but the list.
 */

import { HeaderField } from '../header-field.ts';
import { DynamicTable } from './dynamic-table.ts';
import { HpackError } from './hpack-error.ts';
import { huffmanDecode } from './huffman.ts';
import { internedName } from './known-names.ts';
import { latin1Text } from './latin1.ts';
import { lastStaticIndex, staticTable } from './static-table.ts';

/** The size of the encoder's table before any size update (RFC 9113 6.5.2), so ours must have it too. */
const initialTableBytes = 4096;

/** RFC 7541 4.2: the smallest size since the block before, and the final one. */
const maxSizeUpdates = 2;

/** Octets that continue an integer; four reach beyond 2^28, and no length or index is near that. */
const maxContinuationShift = 21;

/** The buffer of a decoder between blocks, so that the last one can be collected. */
const nothing = new Uint8Array(0);

/** The fields of a block of up to this size stay in the list of a decoder, which is cheaper than to clear it. */
const mostKeptBytes = 2048;

export class HpackDecoder {
  readonly #maxTableBytes: number;
  readonly #maxListBytes: number;
  readonly #table = new DynamicTable(initialTableBytes);
  /**
   * The fields of the block that is being decoded, and of small ones before it; the caller gets a copy. When many lists have lived long, V8 allocates
   * those of an array literal in its old generation. Dead ones there kept the fields of refused requests alive until the
   * next full collection: 200 MB in a flood of header blocks. The copy is always young.
   */
  readonly #list: HeaderField[] = [];
  #isTooLarge = false;
  #bytes: Uint8Array = nothing;
  #at = 0;
  #end = 0;

  /**
   * @param maxTableBytes Our SETTINGS_HEADER_TABLE_SIZE: the most that the peer may set its table to. The table starts
   *   with 4096 all the same, because that is what the peer uses until it has seen the setting.
   * @param maxListBytes Our SETTINGS_MAX_HEADER_LIST_SIZE: the most that the `sizeBytes` of a block's fields may sum up
   * to.
   */
  constructor(maxTableBytes: number, maxListBytes: number) {
    this.#maxTableBytes = maxTableBytes;
    this.#maxListBytes = maxListBytes;
  }

  /** Whether the latest block had more than `maxListBytes` of fields, so that the last ones are missing. */
  get isTooLarge(): boolean {
    return this.#isTooLarge;
  }

  /**
   * The fields of one complete block, in its order. The caller owns the list; fields are shared with the table and
   * immutable. `bytes` is not kept.
   *
   * Throws HpackError on a malformed block, after which this decoder must not be used.
   */
  decode(bytes: Uint8Array, start: number, end: number): HeaderField[] {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    try {
      return this.#fields();
    } finally {
      this.#bytes = nothing;
    }
  }

  #fields(): HeaderField[] {
    const bytes = this.#bytes;
    const end = this.#end;
    const fields = this.#list;
    let count = 0;
    let roomBytes = this.#maxListBytes;
    this.#updateTableSize();
    while (this.#at < end) {
      const first = bytes[this.#at] as number;
      let field: HeaderField;
      if (first > 0x80 && first < 0xff) {
        this.#at++;
        field = this.#indexed(first & 0x7f);
      } else if (first >= 0x80) field = this.#indexed(this.#integer(0x7f));
      else if (first >= 0x40) {
        field = this.#literal(0x3f, false);
        this.#table.add(field);
      } else if (first >= 0x20) throw new HpackError('a table size update is not at the beginning of its block');
      else field = this.#literal(0x0f, first >= 0x10);
      // Once negative it stays so: no field is kept after one that was dropped.
      if (roomBytes >= 0) {
        roomBytes -= field.sizeBytes;
        if (roomBytes >= 0) fields[count++] = field;
      }
    }
    this.#isTooLarge = roomBytes < 0;
    const list = fields.slice(0, count);
    if (this.#maxListBytes - roomBytes > mostKeptBytes) fields.length = 0;
    return list;
  }

  #updateTableSize(): void {
    for (let updates = 1; this.#at < this.#end && ((this.#bytes[this.#at] as number) & 0xe0) === 0x20; updates++) {
      if (updates > maxSizeUpdates) throw new HpackError('a block begins with more than two table size updates');
      const maxBytes = this.#integer(0x1f);
      if (maxBytes > this.#maxTableBytes) throw new HpackError('a table size update is above the size that was agreed');
      this.#table.resize(maxBytes);
    }
  }

  #indexed(index: number): HeaderField {
    if (index === 0) throw new HpackError('an index is 0');
    const field = index <= lastStaticIndex ? staticTable[index] : this.#table.at(index - lastStaticIndex - 1);
    if (field === undefined) throw new HpackError('an index is beyond the end of the table');
    return field;
  }

  #literal(prefixMask: number, isSensitive: boolean): HeaderField {
    const index = this.#integer(prefixMask);
    const name = index === 0 ? internedName(this.#string()) : this.#indexed(index).name;
    return new HeaderField(name, this.#string(), isSensitive);
  }

  /** RFC 7541 5.1. */
  #integer(prefixMask: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#at;
    if (at >= end) throw new HpackError('a block ends inside a header field');
    let value = (bytes[at++] as number) & prefixMask;
    if (value === prefixMask) {
      let next = 0x80;
      for (let shift = 0; next >= 0x80; shift += 7) {
        if (shift > maxContinuationShift) throw new HpackError('an integer is too long');
        if (at >= end) throw new HpackError('a block ends inside an integer');
        next = bytes[at++] as number;
        value += (next & 0x7f) << shift;
      }
    }
    this.#at = at;
    return value;
  }

  /** RFC 7541 5.2. */
  #string(): string {
    const isHuffman = this.#at < this.#end && (this.#bytes[this.#at] as number) >= 0x80;
    const length = this.#integer(0x7f);
    const start = this.#at;
    if (length > this.#end - start) throw new HpackError('a block ends inside a string');
    const end = start + length;
    this.#at = end;
    return isHuffman ? huffmanDecode(this.#bytes, start, end) : latin1Text(this.#bytes, start, end);
  }
}
