/**
 * The place of the bytes of a tensor: a view in this thread, or a part of a region, which is memory with another owner.
 * Code that passes tensors on needs only their `length`; code that reads them calls `hostBytes`
 * (docs/decisions/0022-a-tensor-has-a-place.md).
 */

/** Bytes of all of them together. A loop over indices: this is asked for every response. */
export function tensorBytes(tensors: readonly { readonly data: TensorBytes }[]): number {
  let bytes = 0;
  for (let i = 0; i < tensors.length; i++) bytes += (tensors[i] as { readonly data: TensorBytes }).data.length;
  return bytes;
}

/** Memory in which several tensors lie, such as a page that two threads share. */
export interface Region {
  /** All of it, as this thread sees it. */
  readonly memory: ArrayBufferLike;
  /** Of the memory; a field, because asking the memory itself costs more. */
  readonly byteLength: number;
}

/**
 * Part of a region. It costs less than a view, and it still knows whose memory it is when it is to be passed on without
 * a copy.
 */
export class RegionBytes<R extends Region = Region> {
  readonly region: R;
  /** In bytes, from the beginning of the region. */
  readonly offset: number;
  /** In bytes. */
  readonly length: number;

  /** @throws RangeError where that is no part of the region. */
  constructor(region: R, offset: number, length: number) {
    const isWithin = Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length >= 0;
    if (!isWithin || offset > region.byteLength - length) {
      throw new RangeError(`${length} bytes at ${offset} are no part of a region of ${region.byteLength} bytes`);
    }
    this.region = region;
    this.offset = offset;
    this.length = length;
  }

  /** A new view on these bytes. */
  view(): Uint8Array {
    return new Uint8Array(this.region.memory, this.offset, this.length);
  }
}

/**
 * The bytes of a tensor. Nobody changes them, and they stay where they are until the request or response that the
 * tensor belongs to has ended.
 */
export type TensorBytes = Uint8Array | RegionBytes;

/** The bytes to be read in this thread. Makes a view where there is none yet, so call it once for each reading. */
export const hostBytes = (bytes: TensorBytes): Uint8Array => (bytes instanceof Uint8Array ? bytes : bytes.view());

/** The memory in which these bytes lie. */
export const memoryOf = (bytes: TensorBytes): ArrayBufferLike =>
  bytes instanceof RegionBytes ? bytes.region.memory : bytes.buffer;
