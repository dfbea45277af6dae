/**
 * Elements of a BYTES tensor: each a 4-byte little-endian length followed by that many bytes (Open Inference Protocol
 * v2, binary tensor data). Any bytes are allowed, NUL included.
 */

const prefixBytes = 4;

const lengthAt = (data: Uint8Array, at: number): number =>
  ((data[at] as number) |
    ((data[at + 1] as number) << 8) |
    ((data[at + 2] as number) << 16) |
    ((data[at + 3] as number) << 24)) >>>
  0;

/** Where reading stopped: all elements counted, or the first element that does not fit. */
interface BytesCount {
  /** Whole elements found. */
  readonly count: number;
  /** The fault after them: none, a cut length prefix, or a length that runs past the end. */
  readonly fault: 'none' | 'prefix' | 'length';
  /** Bytes left where the fault is. */
  readonly leftBytes: number;
}

/**
 * Walks the elements without making views of them; never throws.
 *
 * @param most Stops behind the first element beyond this number: what was not asked for is not counted to its end.
 */
export function countBytesElements(data: Uint8Array, most: number = Number.POSITIVE_INFINITY): BytesCount {
  let at = 0;
  let count = 0;
  while (at < data.length && count <= most) {
    if (data.length - at < prefixBytes) return { count, fault: 'prefix', leftBytes: data.length - at };
    const length = lengthAt(data, at);
    if (length > data.length - at - prefixBytes) return { count, fault: 'length', leftBytes: data.length - at };
    at += prefixBytes + length;
    count++;
  }
  return { count, fault: 'none', leftBytes: data.length - at };
}

/** The elements as views into `data`; copy one to keep it beyond the owner of `data`. Stops at a fault. */
export function* bytesElements(data: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; data.length - at >= prefixBytes; ) {
    const length = lengthAt(data, at);
    at += prefixBytes;
    if (length > data.length - at) return;
    yield data.subarray(at, at + length);
    at += length;
  }
}

/** Byte offset just behind the `count` elements that start at `from`; the caller has checked the tensor before. */
export function skipBytesElements(data: Uint8Array, from: number, count: number): number {
  let at = from;
  for (let i = 0; i < count; i++) at += prefixBytes + lengthAt(data, at);
  return at;
}

/** The wire form of these elements in one new buffer. */
export function encodeBytesElements(elements: readonly Uint8Array[]): Uint8Array {
  let total = 0;
  for (const element of elements) total += prefixBytes + element.length;
  const data = new Uint8Array(total);
  const view = new DataView(data.buffer);
  let at = 0;
  for (const element of elements) {
    view.setUint32(at, element.length, true);
    data.set(element, at + prefixBytes);
    at += prefixBytes + element.length;
  }
  return data;
}
