/**
 * Encodes header fields as header blocks (RFC 7541 6), with the dynamic table of one direction of one connection. Made
 * for a server that sends the same few field objects many times: those are found by identity and cost one octet each.
 */

import type { HeaderField } from '../header-field.ts';
import { DynamicTable } from './dynamic-table.ts';
import { huffmanEncode, huffmanSize } from './huffman.ts';
import { lastStaticIndex, staticFieldIndex, staticNameIndex } from './static-table.ts';

/** The most that we use of the peer's table size, and the initial size of both sides (RFC 9113 6.5.2). */
const maxTableBytes = 4096;

/** Two updates of up to three octets; the sizes are at most 4096. */
const maxSizeUpdateBytes = 6;

/** Lists of fields whose blocks are kept: a server has one for the head and one for the end of its usual answers. */
const keptBlocks = 4;

/** A block of one octet for each field: all of them were in a table. */
interface IndexedBlock {
  readonly fields: readonly HeaderField[];
  readonly octets: Uint8Array;
}

export class HpackEncoder {
  /** Insertion number in the table, from 1, of each field that is in it. */
  readonly #numbers = new Map<HeaderField, number>();
  readonly #table = new DynamicTable(maxTableBytes, (field) => this.#numbers.delete(field));
  /** Sizes to announce at the beginning of the next block; the table has its old size until then. */
  #smallestBytes = maxTableBytes;
  #finalBytes = maxTableBytes;
  /** The same as long as the table is; found by the identity of their lists. The oldest is replaced. */
  readonly #blocks: IndexedBlock[] = [];
  #oldestBlock = 0;

  /** The most octets that `encode` writes for these fields, updates of the table's size included. */
  static maxBytes(fields: readonly HeaderField[]): number {
    let bytes = maxSizeUpdateBytes;
    // The 32 octets that an entry counts beyond its strings are more than an index and two lengths take.
    for (const field of fields) bytes += field.sizeBytes;
    return bytes;
  }

  /** As `maxBytes`, for the next block of this encoder. */
  boundOf(fields: readonly HeaderField[]): number {
    const known = this.#indexedBlock(fields);
    return known === null ? HpackEncoder.maxBytes(fields) : known.length;
  }

  /**
   * Takes the peer's SETTINGS_HEADER_TABLE_SIZE, of which we use at most 4096. The next block begins with the updates
   * that RFC 7541 4.2 demands: the smallest size since the last block if it was below the final one, and the final one.
   */
  setMaxTableBytes(bytes: number): void {
    this.#finalBytes = Math.min(bytes, maxTableBytes);
    if (this.#finalBytes < this.#smallestBytes) this.#smallestBytes = this.#finalBytes;
    this.#dropBlocks();
  }

  /**
   * Writes one whole block to `target`, which has room for `boundOf(fields)` from `at` on. Blocks must be sent in the
   * order in which they were encoded. Returns where the block ends.
   *
   * Throws RangeError when the block did not fit, after which this encoder must not be used.
   */
  encode(fields: readonly HeaderField[], target: Uint8Array, at: number): number {
    let end = this.#updateTableSize(target, at);
    const known = this.#indexedBlock(fields);
    if (known !== null) {
      for (let i = 0; i < known.length; i++) target[end++] = known[i] as number;
    } else {
      for (let i = 0; i < fields.length; i++) end = this.#encodeField(fields[i] as HeaderField, target, end);
      if (end - at === fields.length && end <= target.length && end > at)
        this.#keepBlock(fields, Uint8Array.from(target.subarray(at, end)));
    }
    if (end > target.length) throw new RangeError(`a header block of ${end - at} bytes has no room in its buffer`);
    return end;
  }

  #indexedBlock(fields: readonly HeaderField[]): Uint8Array | null {
    const blocks = this.#blocks;
    for (let i = 0; i < blocks.length; i++) {
      const block = blocks[i] as IndexedBlock;
      if (block.fields === fields) return block.octets;
    }
    return null;
  }

  #keepBlock(fields: readonly HeaderField[], octets: Uint8Array): void {
    this.#blocks[this.#oldestBlock] = { fields, octets };
    this.#oldestBlock = (this.#oldestBlock + 1) % keptBlocks;
  }

  /** The table changes, and with it what an index means. */
  #dropBlocks(): void {
    this.#blocks.length = 0;
    this.#oldestBlock = 0;
  }

  #updateTableSize(target: Uint8Array, at: number): number {
    const table = this.#table;
    if (this.#smallestBytes < this.#finalBytes && this.#smallestBytes < table.maxBytes) {
      table.resize(this.#smallestBytes);
      at = writeInteger(this.#smallestBytes, 0x1f, 0x20, target, at);
    }
    if (this.#finalBytes !== table.maxBytes) {
      table.resize(this.#finalBytes);
      at = writeInteger(this.#finalBytes, 0x1f, 0x20, target, at);
    }
    this.#smallestBytes = this.#finalBytes;
    return at;
  }

  #encodeField(field: HeaderField, target: Uint8Array, at: number): number {
    const { name, indexing } = field;
    if (indexing === 'incremental') {
      const number = this.#numbers.get(field);
      if (number !== undefined) {
        return writeInteger(lastStaticIndex + 1 + this.#table.inserted - number, 0x7f, 0x80, target, at);
      }
    }
    const nameIndex = staticNameIndex(name);
    if (indexing === 'never') return writeLiteral(field, nameIndex, 0x0f, 0x10, target, at);
    if (nameIndex !== 0) {
      const index = staticFieldIndex(nameIndex, name, field.value);
      if (index !== 0) return writeInteger(index, 0x7f, 0x80, target, at);
    }
    // A field larger than the table would only empty it.
    if (indexing === 'none' || field.sizeBytes > this.#table.maxBytes) {
      return writeLiteral(field, nameIndex, 0x0f, 0x00, target, at);
    }
    this.#dropBlocks();
    this.#table.add(field);
    this.#numbers.set(field, this.#table.inserted);
    return writeLiteral(field, nameIndex, 0x3f, 0x40, target, at);
  }
}

function writeLiteral(
  field: HeaderField,
  nameIndex: number,
  prefixMask: number,
  pattern: number,
  target: Uint8Array,
  at: number,
): number {
  let end = writeInteger(nameIndex, prefixMask, pattern, target, at);
  if (nameIndex === 0) end = writeString(field.name, target, end);
  return writeString(field.value, target, end);
}

/** RFC 7541 5.1; `pattern` is what the first octet holds above the prefix. */
function writeInteger(value: number, prefixMask: number, pattern: number, target: Uint8Array, at: number): number {
  if (value < prefixMask) {
    target[at] = pattern | value;
    return at + 1;
  }
  target[at++] = pattern | prefixMask;
  let rest = value - prefixMask;
  for (; rest >= 0x80; rest >>>= 7) target[at++] = (rest & 0x7f) | 0x80;
  target[at++] = rest;
  return at;
}

/** RFC 7541 5.2, Huffman-coded where that is shorter. */
function writeString(text: string, target: Uint8Array, at: number): number {
  const codedBytes = huffmanSize(text);
  if (codedBytes < text.length) return huffmanEncode(text, target, writeInteger(codedBytes, 0x7f, 0x80, target, at));
  let end = writeInteger(text.length, 0x7f, 0x00, target, at);
  for (let i = 0; i < text.length; i++) target[end++] = text.charCodeAt(i);
  return end;
}
