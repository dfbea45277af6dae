/** gzip and deflate of gRPC messages, both ways, with a bound on the inflated size of a received message. */

import { promisify } from 'node:util';
import { deflate, gzip } from 'node:zlib';
import { internal, resourceExhausted, unimplemented } from '../../../errors.ts';
import { inflateCounted, type InflatedMessage } from '../../inflate.ts';
import type { MessageMemory } from '../../message-pool.ts';
import type { OutgoingMessage } from './transport.ts';

export type Encoding = 'gzip' | 'deflate';

/** For `grpc-accept-encoding`. */
export const knownEncodings = 'identity,deflate,gzip';

const deflaters = { gzip: promisify(gzip), deflate: promisify(deflate) } as const;

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
    throw unimplemented(`the grpc-encoding '${encoding}' is not supported, expected one of ${knownEncodings}`);
  }
  const maxBytes = Math.min(maxMessageBytes, Math.max(freeInflatedBytes, message.length * maxInflationRatio));
  return inflateCounted(message, encoding, maxBytes, memory, ownBytes, {
    tooLarge: () =>
      resourceExhausted(
        `a compressed message inflates to more than ${maxBytes} bytes, the most that one of its size may`,
      ),
    damaged: (error) =>
      internal(`a gRPC message is marked as compressed with ${encoding} and can not be inflated`, error),
  });
}

/** The encoding for the responses of a call, or null for none. */
export function chooseEncoding(accepted: string): Encoding | null {
  const names = accepted.split(',').map((name) => name.trim());
  if (names.includes('gzip')) return 'gzip';
  return names.includes('deflate') ? 'deflate' : null;
}

/**
 * Compresses a message of a call. A small one is sent as it is; the flag of each frame says so. The message was copied
 * when this returns.
 */
export async function deflateMessage(
  message: OutgoingMessage,
  encoding: Encoding,
  level: keyof typeof zlibLevels,
): Promise<OutgoingMessage> {
  const plain = Buffer.allocUnsafe(message.byteLength);
  message.copy(plain, 0);
  if (plain.length < minCompressedBytes) return plain;
  return new CompressedMessage(await deflaters[encoding](plain, { level: zlibLevels[level] }));
}

/** Sets the compressed flag of its frame: the byte five before it. */
class CompressedMessage implements OutgoingMessage {
  readonly byteLength: number;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.byteLength = bytes.length;
  }

  copy(target: Buffer, at: number): void {
    target[at - 5] = 1;
    this.#bytes.copy(target, at);
  }
}
