/** The layout of frames (RFC 9113, sections 4 and 6): numbers of types and flags, and the writing of heads. */

import { frameSizeError, protocolError } from './error-code.ts';

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlag = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const frameHeadBytes = 9;

/** The largest frame that we accept, and the default of peers. */
export const defaultFrameBytes = 16_384;

/** Windows before SETTINGS and WINDOW_UPDATE change them, and the largest they may become. */
export const defaultWindowBytes = 65_535;
export const maxWindowBytes = 2 ** 31 - 1;

export const maxStreamId = 2 ** 31 - 1;

/** The first bytes of a client (section 3.4). */
export const clientPreface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Writes the nine bytes of a head at `at` and returns the position after them. */
export function writeFrameHead(
  target: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  target[at] = length >>> 16;
  target[at + 1] = length >>> 8;
  target[at + 2] = length;
  target[at + 3] = type;
  target[at + 4] = flags;
  return writeUint32(target, at + 5, streamId);
}

/** Big-endian. Returns the position after it. */
export function writeUint32(target: Uint8Array, at: number, value: number): number {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
  return at + 4;
}

export const readUint32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)) >>>
  0;

/** 31 bits, without the reserved one. */
export const readUint31 = (bytes: Uint8Array, at: number): number => readUint32(bytes, at) & 0x7fff_ffff;

/** The length of the padding after the content of a padded frame, from its first byte. @throws ConnectionError */
export function paddingOf(bytes: Buffer, start: number, end: number): number {
  if (end === start) throw frameSizeError('a padded frame has no length of its padding');
  const padding = bytes[start] as number;
  if (padding >= end - start) throw protocolError('padding is longer than its frame');
  return padding;
}
