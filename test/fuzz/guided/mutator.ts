/** New inputs from old ones: several small changes one upon the other, of which most know nothing of what the bytes mean. */

import type { Chance } from './chance.ts';

/** Edges of numbers of one, two and four bytes. */
const edges8 = [0, 1, 2, 7, 16, 31, 32, 63, 64, 100, 126, 127, 128, 129, 192, 224, 240, 254, 255];
const edges32 = [
  0, 1, 9, 127, 128, 255, 256, 1000, 4095, 4096, 16_383, 16_384, 16_385, 32_767, 32_768, 65_535, 65_536,
].concat([70_000, 2 ** 20, 2 ** 24 - 1, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1]);
const numbers = [
  '0',
  '1',
  '-1',
  '00',
  '9',
  '10',
  '15',
  '16',
  '255',
  '256',
  '65535',
  '65536',
  '1e5',
  '1e999',
  '0.1',
  '-0',
].concat(['2147483647', '2147483648', '4294967296', '9007199254740993', '9223372036854775807', '18446744073709551616']);

const longestBlock = 256;

export class Mutator {
  readonly #chance: Chance;
  readonly #words: readonly Buffer[];
  readonly #maxBytes: number;

  constructor(chance: Chance, words: readonly Buffer[], maxBytes: number) {
    this.#chance = chance;
    this.#words = words;
    this.#maxBytes = maxBytes;
  }

  /** @param other Lends parts. Neither is changed. */
  mutated(bytes: Buffer, other: Buffer): Buffer {
    const chance = this.#chance;
    let result: Buffer = Buffer.from(bytes);
    for (let count = 1 << chance.below(5); count > 0; count--) result = this.#changed(result, other);
    return result.length <= this.#maxBytes ? result : result.subarray(0, this.#maxBytes);
  }

  #changed(bytes: Buffer, other: Buffer): Buffer {
    const chance = this.#chance;
    if (bytes.length === 0) return Buffer.from(other);
    const at = chance.below(bytes.length);
    switch (chance.below(17)) {
      case 0:
        bytes[at] ^= 1 << chance.below(8);
        return bytes;
      case 1:
        bytes[at] = chance.bits();
        return bytes;
      case 2:
        bytes[at] = chance.of(edges8);
        return bytes;
      case 3:
        bytes[at] += chance.below(71) - 35;
        return bytes;
      case 4:
        return this.#wide(bytes, at);
      case 5:
      case 6:
        return cut(bytes, at, chance.length(Math.min(longestBlock, bytes.length)));
      case 7:
        return inserted(bytes, at, blockOf(bytes, chance));
      case 8:
        return over(bytes, at, blockOf(bytes, chance));
      case 9:
        return inserted(bytes, at, blockOf(other, chance));
      case 10:
        return inserted(bytes, at, Buffer.alloc(chance.length(64), chance.oneIn(2) ? chance.bits() & 0xff : bytes[at]));
      case 11:
      case 12:
        return inserted(bytes, chance.oneIn(8) ? bytes.length : at, this.#word());
      case 13:
        return over(bytes, at, this.#word());
      case 14:
        return chance.oneIn(3)
          ? Buffer.concat([bytes.subarray(0, at), other.subarray(chance.below(other.length + 1))])
          : bytes;
      case 15:
        return this.#number(bytes, at);
      default:
        return chance.oneIn(4) ? Buffer.from(bytes.subarray(0, at)) : bytes;
    }
  }

  #word(): Buffer {
    return this.#words.length === 0 ? Buffer.of(this.#chance.bits() & 0xff) : this.#chance.of(this.#words);
  }

  #wide(bytes: Buffer, at: number): Buffer {
    const chance = this.#chance;
    const isLittle = chance.oneIn(2);
    const bits = chance.oneIn(2) ? 16 : 32;
    if (at + bits / 8 > bytes.length) return bytes;
    const before = bits === 16 ? bytes.readUInt16BE(at) : bytes.readUInt32BE(at);
    const value = (chance.oneIn(2) ? chance.of(edges32) : before + chance.below(71) - 35) >>> 0;
    if (bits === 16) isLittle ? bytes.writeUInt16LE(value & 0xffff, at) : bytes.writeUInt16BE(value & 0xffff, at);
    else isLittle ? bytes.writeUInt32LE(value, at) : bytes.writeUInt32BE(value, at);
    return bytes;
  }

  /** Another number in place of the digits at or behind that place. */
  #number(bytes: Buffer, at: number): Buffer {
    let from = at;
    while (from < bytes.length && !isDigit(bytes[from])) from++;
    if (from === bytes.length) return bytes;
    let end = from;
    while (end < bytes.length && isDigit(bytes[end])) end++;
    return Buffer.concat([bytes.subarray(0, from), Buffer.from(this.#chance.of(numbers)), bytes.subarray(end)]);
  }
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

function blockOf(bytes: Buffer, chance: Chance): Buffer {
  if (bytes.length === 0) return bytes;
  const from = chance.below(bytes.length);
  return bytes.subarray(from, from + chance.length(Math.min(longestBlock, bytes.length)));
}

export const cut = (bytes: Buffer, at: number, length: number): Buffer =>
  Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);

export const inserted = (bytes: Buffer, at: number, block: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), block, bytes.subarray(at)]);

function over(bytes: Buffer, at: number, block: Uint8Array): Buffer {
  bytes.set(block.subarray(0, bytes.length - at), at);
  return bytes;
}
