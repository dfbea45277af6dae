/**
 * Compresses answers on Node's worker pool. The output is counted as it grows: for tensors it is nearly as large as the
 * answer. Few large answers are compressed at once, since each takes an output buffer and the state of zlib, a quarter
 * of a MiB; small ones need it for one turn on the pool only and do not wait.
 */

import { createDeflate, createGzip } from 'node:zlib';
import { Semaphore } from '../semaphore.ts';
import { piecesBytes } from './pieces.ts';

/** The size of the pieces from zlib: larger pieces mean fewer turns on the worker pool. */
const pieceBytes = 64 * 1024;
/** Small answers get a piece of about their own size. */
const smallestPieceBytes = 1024;

/** Read by zlib at once; in between it is asked whether the answer is still wanted. */
const sliceBytes = 1024 * 1024;

/** As many as the worker pool has threads. */
const maxLarge = 4;
const smallBytes = 64 * 1024;

const large = new Semaphore(maxLarge);

/** An answer that is to be compressed. */
interface Deflation {
  /** Not changed until the promise settles. */
  readonly parts: readonly Uint8Array[];
  readonly coding: 'gzip' | 'deflate';
  /** 1 to 9, as zlib has them. */
  readonly level: number;
  /** Counts memory of the output, which the caller releases. */
  count(bytes: number): void;
  /** Whether somebody waits for the answer. */
  isWanted(): boolean;
}

/** Resolves to the pieces of the compressed answer, or to null when it is not wanted any more. */
export async function deflateCounted(deflation: Deflation): Promise<Buffer[] | null> {
  const bytes = piecesBytes(deflation.parts);
  if (bytes <= smallBytes) return deflatePieces(deflation, bytes);
  await large.acquire();
  try {
    return await deflatePieces(deflation, bytes);
  } finally {
    large.release();
  }
}

function deflatePieces({ parts, coding, level, count, isWanted }: Deflation, bytes: number): Promise<Buffer[] | null> {
  return new Promise((resolve, reject) => {
    const chunkSize = Math.min(pieceBytes, Math.max(smallestPieceBytes, bytes));
    const stream = coding === 'gzip' ? createGzip({ level, chunkSize }) : createDeflate({ level, chunkSize });
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => {
      pieces.push(piece);
      count(piece.length);
    });
    stream.on('error', reject);
    stream.on('end', () => resolve(pieces));
    const slices = slicesOf(parts);
    const writeNext = (error?: Error | null): void => {
      // Then there is an event as well.
      if (error !== null && error !== undefined) return;
      if (!isWanted()) {
        // zlib reads nothing now: it has called back for what it had.
        stream.destroy();
        resolve(null);
        return;
      }
      const { value, done } = slices.next();
      if (done === true) stream.end();
      else stream.write(value, writeNext);
    };
    writeNext();
  });
}

function* slicesOf(parts: readonly Uint8Array[]): Generator<Uint8Array, undefined> {
  for (const part of parts) {
    for (let at = 0; at < part.length; at += sliceBytes) yield part.subarray(at, at + sliceBytes);
  }
}
