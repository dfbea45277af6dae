/** The copy of received bytes out of the buffer into which a thread reads all its sockets. */

/** Up to so many bytes a loop is faster than a view and a call. */
const maxLooped = 32;

/** The buffer of the last copy, and where it lies: to ask a view for its memory is a call into the runtime. */
let lastSource: Uint8Array | null = null;
let lastMemory: ArrayBufferLike = new ArrayBuffer(0);
let lastOffset = 0;

/**
 * As `source.copy(target, at, from, to)`, of ranges that are inside of both. Half its cost for some kilobytes, which is
 * what a frame of HTTP/2 has: Node looks at each of four arguments for both kinds of arrays that it knows.
 */
export function copyReceived(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): void {
  const length = to - from;
  if (length <= maxLooped) {
    for (let i = 0; i < length; i++) target[at + i] = source[from + i] as number;
    return;
  }
  if (source !== lastSource) {
    lastSource = source;
    lastMemory = source.buffer;
    lastOffset = source.byteOffset;
  }
  target.set(new Uint8Array(lastMemory, lastOffset + from, length), at);
}
