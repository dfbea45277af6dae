/**
 * Strings of a load request that are too long for one turn of the event loop: the files that it carries. They are found
 * and decoded in slices, and never become JavaScript strings as a whole.
 */

import { invalidArgument } from '../../../errors.ts';
import { requestLimits, tooLong, tooMany } from '../../../inference/request-limits.ts';
import { piecesBytes } from '../../pieces.ts';
import type { SliceQueue } from '../../slice-queue.ts';
import { decodeBase64 } from './base64.ts';

/** Longer strings are read in slices. */
const longBytes = 64 * 1024;
/** Bytes examined in one slice; takes about a millisecond. */
const sliceBytes = 512 * 1024;
/** Bytes of text decoded in one slice. Four characters of base64 make three bytes, so it is a multiple of four. */
const decodedBytes = 128 * 1024;
/** More files than any model has. */
const maxLongTexts = 1024;

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;

/** A string literal that was not decoded; a view of the body without the quotes. */
export class LongText {
  readonly literal: Buffer;
  /** There are no escapes. */
  readonly #isPlain: boolean;

  constructor(literal: Buffer, isPlain: boolean) {
    this.literal = literal;
    this.#isPlain = isPlain;
  }

  /** The text of a string that is short enough after all. Throws SyntaxError for a broken escape. */
  text(): string {
    const text = this.literal.toString('utf8');
    return this.#isPlain ? text : (JSON.parse(`"${text}"`) as string);
  }

  /** The bytes whose base64 this is, or null where it is none. */
  async base64(slices: SliceQueue): Promise<Buffer | null> {
    const { literal } = this;
    const decoded: Buffer[] = [];
    let rest = '';
    for (let at = 0; at < literal.length; ) {
      await slices.turn();
      const end = this.#isPlain ? Math.min(at + decodedBytes, literal.length) : pieceEnd(literal, at);
      let text = literal.toString('latin1', at, end);
      if (!this.#isPlain) {
        try {
          text = JSON.parse(`"${text}"`) as string;
        } catch {
          return null;
        }
      }
      rest += text;
      const isLast = end === literal.length;
      const part = isLast ? rest : rest.slice(0, rest.length - (rest.length % 4));
      rest = rest.slice(part.length);
      const bytes = !isLast && part.endsWith('=') ? null : decodeBase64(part);
      if (bytes === null) return null;
      decoded.push(bytes);
      at = end;
    }
    await slices.turn();
    return joinInSlices(decoded, slices);
  }
}

/** The end of a piece that begins at `at` and cuts no escape. */
function pieceEnd(literal: Buffer, at: number): number {
  let end = at;
  const wanted = Math.min(at + decodedBytes, literal.length);
  while (end < wanted) {
    if (literal[end] !== backslash) end++;
    else end += literal[end + 1] === 0x75 ? 6 : 2;
  }
  return Math.min(end, literal.length);
}

async function joinInSlices(parts: readonly Buffer[], slices: SliceQueue): Promise<Buffer> {
  const joined = Buffer.allocUnsafeSlow(piecesBytes(parts));
  let at = 0;
  let copied = 0;
  for (const part of parts) {
    at += part.copy(joined, at);
    copied += part.length;
    if (copied < sliceBytes) continue;
    copied = 0;
    await slices.turn();
  }
  return joined;
}

/**
 * Finds the long strings of a JSON text, by the offset of their first quote, without checking it otherwise.
 *
 * @throws InferenceError `invalid_argument` when there are too many, when one is the name of a member, and when everything
 *         else together is too long.
 */
export async function findLongTexts(body: Buffer, slices: SliceQueue): Promise<ReadonlyMap<number, LongText>> {
  const found = new Map<number, LongText>();
  let longTotal = 0;
  /** Offset of the quote that opened the string, or -1 outside of strings. */
  let open = -1;
  let isPlain = true;
  let at = 0;
  while (at < body.length) {
    const end = Math.min(at + sliceBytes, body.length);
    while (at < end) {
      const byte = body[at++] as number;
      if (open < 0) {
        if (byte === quote) {
          open = at - 1;
          isPlain = true;
        }
      } else if (byte === backslash) {
        isPlain = false;
        at++;
      } else if (byte === quote) {
        const length = at - 2 - open;
        if (length > longBytes) {
          if (nextByte(body, at) === colon) throw tooLong('a name in the request', longBytes);
          if (found.size === maxLongTexts) throw tooMany(`strings of more than ${longBytes} bytes`, maxLongTexts);
          found.set(open, new LongText(body.subarray(open + 1, at - 1), isPlain));
          longTotal += length;
        }
        open = -1;
      }
    }
    await slices.turn();
  }
  if (open >= 0 && body.length - open > longBytes) {
    throw invalidArgument(
      `failed to parse the request JSON buffer: Missing a closing quotation mark in string. at ${open}`,
    );
  }
  if (body.length - longTotal > requestLimits.allTextBytes) {
    throw tooLong('what the JSON holds besides long strings', requestLimits.allTextBytes);
  }
  return found;
}

/** The next byte that is no white space, within a bound; -1 where there is none. */
function nextByte(body: Buffer, from: number): number {
  for (let at = from; at < from + longBytes; at++) {
    const byte = body[at];
    if (byte === undefined) return -1;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
  }
  return -1;
}
