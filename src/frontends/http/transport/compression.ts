/**
 * Content codings of requests and responses: gzip and deflate (zlib format), which run on Node's worker pool.
 */

import { constants } from 'node:zlib';
import { type InferenceError, invalidArgument } from '../../../errors.ts';
import { inflateCounted, type InflatedMessage } from '../../inflate.ts';
import type { MessageMemory } from '../../message-pool.ts';

export type ContentCoding = 'identity' | 'gzip' | 'deflate';

/**
 * The coding of a request body; null when it is not supported (415). A body that was compressed more than once is not
 * supported: it would only help clients that want to send little and have much unpacked. `x-gzip` is gzip (RFC 9110
 * §8.4.1.3).
 */
export function requestCoding(contentEncoding: string | undefined): ContentCoding | null {
  if (contentEncoding === undefined) return 'identity';
  let coding: ContentCoding = 'identity';
  for (const part of contentEncoding.split(',')) {
    const name = part.trim().toLowerCase();
    if (name === '' || name === 'identity') continue;
    if (coding !== 'identity') return null;
    if (name === 'gzip' || name === 'x-gzip') coding = 'gzip';
    else if (name === 'deflate') coding = 'deflate';
    else return null;
  }
  return coding;
}

/**
 * The coding of highest weight among identity, gzip and deflate; the first of equals. Without any of them, or when all
 * are refused, identity: an answer that can be read beats a refusal.
 */
export function responseCoding(acceptEncoding: string | undefined): ContentCoding {
  if (acceptEncoding === undefined) return 'identity';
  let best: ContentCoding = 'identity';
  let bestWeight = 0;
  for (const part of acceptEncoding.split(',')) {
    const [name = '', ...attributes] = part.split(';');
    const coding = name.trim().toLowerCase();
    if (coding !== 'identity' && coding !== 'gzip' && coding !== 'deflate') continue;
    const weight = weightOf(attributes);
    if (weight > bestWeight) {
      best = coding;
      bestWeight = weight;
    }
  }
  return best;
}

/** 1 without a `q`; 0 for a `q` that is no number from 0 to 1. */
function weightOf(attributes: readonly string[]): number {
  for (const attribute of attributes) {
    const [key = '', value = ''] = attribute.split('=');
    if (key.trim().toLowerCase() !== 'q') continue;
    const weight = Number(value.trim() || Number.NaN);
    return weight >= 0 && weight <= 1 ? weight : 0;
  }
  return 1;
}

/**
 * Decompresses a body, all members of a gzip file. Rejects with `invalid_argument` when it is damaged, cut off, or
 * larger than `maxBytes`, and as `inflateCounted` does.
 *
 * @param ownBytes Bytes that the request has reserved already.
 */
export const inflated = (
  body: Buffer,
  coding: 'gzip' | 'deflate',
  maxBytes: number,
  memory: MessageMemory,
  ownBytes: number,
): Promise<InflatedMessage> =>
  inflateCounted(body, coding, maxBytes, memory, ownBytes, {
    tooLarge: () => oversizedInflated(maxBytes),
    damaged: (error) => invalidArgument(`the request body is not valid ${coding} data: ${error.message}`, error),
  });

export const oversizedInflated = (maxBytes: number): InferenceError =>
  invalidArgument(
    `Decompressed data size exceeds the maximum allowed value of ${maxBytes} bytes. Use --http-max-input-size to increase the limit.`,
  );

/** The fastest level: a client that asks for compression pays for bandwidth, not for the last percent. */
export const answerLevel: number = constants.Z_BEST_SPEED;
