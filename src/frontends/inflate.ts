/**
 * Decompresses request bodies on Node's worker pool. The output is counted as it grows and stops at either bound, its
 * size or the memory budget: it may be a thousand times as large as the input.
 */

import { createGunzip, createInflate, type Gunzip, type Inflate } from 'node:zlib';
import type { InferenceError } from '../errors.ts';
import type { MessageMemory } from './message-pool.ts';
import { copyPieces } from './pieces.ts';

/** The size of the pieces from zlib: larger pieces mean fewer turns on the worker pool. */
const pieceBytes = 64 * 1024;
/** Small messages get pieces of about their own size. */
const smallestPieceBytes = 4 * 1024;

export interface InflatedMessage {
  readonly bytes: Buffer;
  /** The block with the bytes, to be returned to the memory. */
  readonly block: Buffer;
  /** Reserved bytes, which the caller releases. */
  readonly reservedBytes: number;
}

interface InflateErrors {
  /** The error for output of more than `maxBytes`. */
  readonly tooLarge: () => InferenceError;
  /** The error for damaged input. */
  readonly damaged: (error: Error) => InferenceError;
}

/**
 * All members of a gzip file, or the zlib format for `deflate`. Rejects with one of `errors`, or with
 * `resource_exhausted` when the budget has no memory for the output; then nothing stays reserved. In every case the
 * body is not read afterwards.
 *
 * @param ownBytes Bytes that the same request has reserved already.
 */
export function inflateCounted(
  body: Buffer,
  coding: 'gzip' | 'deflate',
  maxBytes: number,
  memory: MessageMemory,
  ownBytes: number,
  errors: InflateErrors,
): Promise<InflatedMessage> {
  return new Promise((resolve, reject) => {
    const { budget } = memory;
    const chunkSize = Math.min(pieceBytes, Math.max(smallestPieceBytes, 4 * body.length));
    const stream: Gunzip | Inflate = coding === 'gzip' ? createGunzip({ chunkSize }) : createInflate({ chunkSize });
    const pieces: Buffer[] = [];
    let bytes = 0;
    let isRead = false;
    let failure: InferenceError | null = null;
    const fail = (error: InferenceError): void => {
      stream.destroy();
      budget.release(bytes);
      bytes = 0;
      failure = error;
      if (isRead) reject(error);
    };
    stream.on('data', (piece: Buffer) => {
      // Output that was pending when the stream failed.
      if (stream.destroyed) return;
      if (bytes + piece.length > maxBytes) fail(errors.tooLarge());
      else if (budget.isTooLarge(bytes + piece.length)) fail(budget.tooLarge(bytes + piece.length));
      else if (!budget.reserve(piece.length, ownBytes + bytes)) fail(budget.exhausted(piece.length));
      else {
        bytes += piece.length;
        pieces.push(piece);
      }
    });
    stream.on('error', (error) => {
      // zlib has ended by itself.
      isRead = true;
      fail(errors.damaged(error));
    });
    stream.on('end', () => {
      const block = memory.take(bytes);
      copyPieces(pieces, block, 0);
      // The pieces are garbage now; the block may be larger than they were.
      budget.add(block.length - bytes);
      resolve({ bytes: block.subarray(0, bytes), block, reservedBytes: block.length });
    });
    // When cancelled, zlib may still read the body in another thread; this callback runs when it has stopped.
    stream.write(body, () => {
      isRead = true;
      if (failure !== null) reject(failure);
    });
    stream.end();
  });
}
