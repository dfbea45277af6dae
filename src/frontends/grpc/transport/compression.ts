/** gzip and deflate of gRPC messages, both ways, with a bound on the inflated size of a received message. */

import { internal, resourceExhausted, unimplemented } from '../../../errors.ts';
import type { MemoryBudget } from '../../../inference/memory-budget.ts';
import { shownText } from '../../../shown-text.ts';
import { deflateCounted } from '../../deflate.ts';
import { inflateCounted, type InflatedMessage } from '../../inflate.ts';
import type { MessageMemory } from '../../message-pool.ts';
import { copyPieces, piecesBytes } from '../../pieces.ts';
import type { OutgoingMessage } from './transport.ts';

export type Encoding = 'gzip' | 'deflate';

/** For `grpc-accept-encoding`. */
export const knownEncodings = 'identity,deflate,gzip';

/**
 * A message may always inflate to this size, and beyond it to `maxInflationRatio` times its own size. Real tensors
 * compress by less; a gigabyte of zeros comes from one megabyte.
 */
const freeInflatedBytes = 64 * 1024 * 1024;
const maxInflationRatio = 32;

/** Smaller messages are not compressed, because that saves nothing. */
const minCompressedBytes = 512;

const zlibLevels = { low: 1, medium: 6, high: 9 } as const;

/** How a compressed message is inflated. */
interface Inflation {
  /** The encoding in `grpc-encoding`. */
  readonly encoding: string;
  readonly maxMessageBytes: number;
  readonly memory: MessageMemory;
  /** Bytes that the message has reserved already. */
  readonly ownBytes: number;
}

/**
 * @param flag The compressed flag of the frame, not 0.
 * @throws InferenceError `internal` or `unimplemented`; the promise rejects with one as well, `resource_exhausted` when
 *         the message inflates to more than it may, or when the budget has no memory for it.
 */
export function inflateMessage(
  message: Buffer,
  flag: number,
  { encoding, maxMessageBytes, memory, ownBytes }: Inflation,
): Promise<InflatedMessage> {
  if (flag !== 1) throw internal(`a gRPC frame has the compressed flag ${flag}, expected 0 or 1`);
  if (encoding === 'identity') {
    throw internal('a gRPC message is marked as compressed but the call has no grpc-encoding');
  }
  if (encoding !== 'gzip' && encoding !== 'deflate') {
    throw unimplemented(
      `the grpc-encoding '${shownText(encoding)}' is not supported, expected one of ${knownEncodings}`,
    );
  }
  const maxBytes = Math.min(maxMessageBytes, Math.max(freeInflatedBytes, message.length * maxInflationRatio));
  return inflateCounted(message, encoding, maxBytes, memory, ownBytes, {
    tooLarge: () =>
      resourceExhausted(
        `a compressed message inflates to more than ${maxBytes} bytes, the most that one of its size may`,
      ),
    damaged: (error) =>
      internal(`a gRPC message is marked as compressed with ${shownText(encoding)} and can not be inflated`, error),
  });
}

/** The encoding for the responses of a call, or null for none. */
export function chooseEncoding(accepted: string): Encoding | null {
  const names = accepted.split(',').map((name) => name.trim());
  if (names.includes('gzip')) return 'gzip';
  return names.includes('deflate') ? 'deflate' : null;
}

/** How the answers of a call are compressed. */
interface AnswerDeflation {
  readonly encoding: Encoding;
  readonly level: keyof typeof zlibLevels;
  /** Counts the message, and what it becomes, until it is handed over. */
  readonly budget: MemoryBudget;
  /** Whether the caller has not left. */
  isWanted(): boolean;
}

/**
 * Compresses a message of a call and hands it over, unless the caller has left by then. A small one is sent as it is; the
 * flag of each frame says so. The message was copied and discarded when this returns.
 *
 * @param before Settles when the message before it was handed over.
 */
export async function deflateThenWrite(
  message: OutgoingMessage,
  { encoding, level, budget, isWanted }: AnswerDeflation,
  before: Promise<void> | null,
  write: (message: OutgoingMessage) => void,
): Promise<void> {
  let countedBytes = 0;
  const count = (bytes: number): void => {
    countedBytes += bytes;
    budget.add(bytes);
  };
  try {
    let ready: OutgoingMessage | null = copyOf(message, count);
    if (ready.byteLength >= minCompressedBytes) {
      const pieces = await deflateCounted({
        parts: [ready as Buffer],
        coding: encoding,
        level: zlibLevels[level],
        count,
        isWanted,
      });
      ready = pieces === null ? null : new CompressedMessage(pieces);
    }
    await before;
    if (ready !== null) write(ready);
  } finally {
    budget.release(countedBytes);
  }
}

function copyOf(message: OutgoingMessage, count: (bytes: number) => void): Buffer {
  const plain = Buffer.allocUnsafe(message.byteLength);
  count(plain.length);
  try {
    message.copy(plain, 0);
  } finally {
    message.discard?.();
  }
  return plain;
}

/** Sets the compressed flag of its frame: the byte five before it. Its pieces are sent from where they lie. */
class CompressedMessage implements OutgoingMessage {
  readonly byteLength: number;
  readonly #pieces: Buffer[];

  constructor(pieces: Buffer[]) {
    this.#pieces = pieces;
    this.byteLength = piecesBytes(pieces);
  }

  get placedBytes(): number {
    return this.byteLength;
  }

  copy(target: Buffer, at: number): void {
    target[at - 5] = 1;
    copyPieces(this.#pieces, target, at);
  }

  pieces(target: Buffer, at: number): Buffer[] {
    target[at - 5] = 1;
    return [target.subarray(0, at), ...this.#pieces];
  }
}
