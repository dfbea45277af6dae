/** HTTP/2 frames (RFC 9113, section 4): cutting them from a byte stream, and writing the few that a client sends. */

export const frameType = {
  body: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlag = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const frameHeadBytes = 9;

export const connectionPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** `content` is a view on the bytes read, which are not used again: it may be kept. */
export type OnFrame = (type: number, flags: number, streamId: number, content: Buffer) => void;

/** Writes a frame's nine bytes at `at`. */
export function writeFrameHead(
  into: Buffer,
  at: number,
  contentBytes: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  into.writeUIntBE(contentBytes, at, 3);
  into[at + 3] = type;
  into[at + 4] = flags;
  into.writeUInt32BE(streamId, at + 5);
}

export function frame(type: number, flags: number, streamId: number, content: Uint8Array): Buffer {
  const bytes = Buffer.alloc(frameHeadBytes + content.length);
  writeFrameHead(bytes, 0, content.length, type, flags, streamId);
  bytes.set(content, frameHeadBytes);
  return bytes;
}

export function windowUpdate(streamId: number, increment: number): Buffer {
  const content = Buffer.alloc(4);
  content.writeUInt32BE(increment);
  return frame(frameType.windowUpdate, 0, streamId, content);
}

/** A SETTINGS frame from pairs of identifier and value. */
export function settings(pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const content = Buffer.alloc(pairs.length * 6);
  pairs.forEach(([id, value], i) => {
    content.writeUInt16BE(id, i * 6);
    content.writeUInt32BE(value, i * 6 + 2);
  });
  return frame(frameType.settings, 0, 0, content);
}

const nothing = Buffer.alloc(0);

export class FrameReader {
  readonly #onFrame: OnFrame;
  #rest: Buffer = nothing;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Takes the next bytes and reports each frame that they complete. */
  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= frameHeadBytes) {
      const end = at + frameHeadBytes + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const streamId = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
      this.#onFrame(bytes[at + 3], bytes[at + 4], streamId, bytes.subarray(at + frameHeadBytes, end));
      at = end;
    }
    this.#rest = at === bytes.length ? nothing : bytes.subarray(at);
  }
}

/** The content of a DATA or HEADERS frame without its padding and priority fields. */
export function unpadded(type: number, flags: number, content: Buffer): Buffer {
  let start = 0;
  let end = content.length;
  if ((flags & frameFlag.padded) !== 0) {
    start = 1;
    end -= content[0];
  }
  if (type === frameType.headers && (flags & frameFlag.priority) !== 0) start += 5;
  if (start > end) throw new Error('HTTP/2: padding longer than its frame');
  return content.subarray(start, end);
}
