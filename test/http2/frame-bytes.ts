/**
 * Bytes that an HTTP/2 client sends, right or wrong: frames of any type and length (RFC 9113), and header blocks in the
 * plainest form of HPACK (RFC 7541): no Huffman code, nothing indexed unless asked for. Knows no connection.
 */

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

export const frameFlag = { none: 0, ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const errorCode = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  connect: 10,
  enhanceYourCalm: 11,
} as const;

export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

export const frameHeadBytes = 9;
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const nothing = Buffer.alloc(0);

/** The nine bytes before a frame's content; `length` may lie about it. */
export function frameHead(length: number, type: number, flags: number, streamId: number): Buffer {
  const head = Buffer.alloc(frameHeadBytes);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return head;
}

export function frame(type: number, flags: number, streamId: number, content: Uint8Array = nothing): Buffer {
  return Buffer.concat([frameHead(content.length, type, flags, streamId), content]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A setting's identifier and its value. */
export type SettingPair = readonly [id: number, value: number];

export function settings(...pairs: readonly SettingPair[]): Buffer {
  const content = Buffer.alloc(pairs.length * 6);
  pairs.forEach(([id, value], i) => {
    content.writeUInt16BE(id, i * 6);
    content.writeUInt32BE(value, i * 6 + 2);
  });
  return frame(frameType.settings, frameFlag.none, 0, content);
}

export const settingsAck = frame(frameType.settings, frameFlag.ack, 0);

export function ping(flags: number = frameFlag.none, content = Buffer.alloc(8)): Buffer {
  return frame(frameType.ping, flags, 0, content);
}

export function windowUpdate(streamId: number, increment: number): Buffer {
  return frame(frameType.windowUpdate, frameFlag.none, streamId, uint32(increment));
}

export function resetStream(streamId: number, code: number): Buffer {
  return frame(frameType.resetStream, frameFlag.none, streamId, uint32(code));
}

export function priority(streamId: number): Buffer {
  return frame(frameType.priority, frameFlag.none, streamId, Buffer.from([0, 0, 0, 0, 15]));
}

/** A HEADERS frame with a whole block. */
export function headers(streamId: number, block: Uint8Array, flags: number = frameFlag.none): Buffer {
  return frame(frameType.headers, frameFlag.endHeaders | flags, streamId, block);
}

export function data(streamId: number, content: Uint8Array, flags: number = frameFlag.none): Buffer {
  return frame(frameType.data, flags, streamId, content);
}

/** HPACK's integer with a prefix of `bits` bits and `pattern` in the bits before it. */
export function hpackInteger(value: number, bits: number, pattern: number): Buffer {
  const limit = 2 ** bits - 1;
  if (value < limit) return Buffer.from([pattern | value]);
  const bytes = [pattern | limit];
  let rest = value - limit;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function plainString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([hpackInteger(bytes.length, 7, 0), bytes]);
}

/** One field, by default without indexing; `indexed` adds it to the dynamic table. */
export function field(name: string, value: string, indexed = false): Buffer {
  return Buffer.concat([Buffer.from([indexed ? 0x40 : 0]), plainString(name), plainString(value)]);
}

/** A field by its index; 62 is the newest entry of the dynamic table. */
export function indexedField(index: number): Buffer {
  return hpackInteger(index, 7, 0x80);
}

export const newestEntry = 62;

/** The header block of a gRPC request, with what `more` adds behind it. */
export function requestBlock(path: string, ...more: readonly Uint8Array[]): Buffer {
  const fields = [
    field(':method', 'POST'),
    field(':scheme', 'http'),
    field(':path', path),
    field(':authority', '127.0.0.1'),
    field('content-type', 'application/grpc'),
    field('te', 'trailers'),
  ];
  return Buffer.concat([...fields, ...more]);
}

/** A gRPC message with its five bytes in front; `declaredBytes` may lie about the length. */
export function grpcMessage(message: Uint8Array = nothing, declaredBytes = message.length): Buffer {
  return Buffer.concat([Buffer.from([0]), uint32(declaredBytes), message]);
}

/** A whole unary call: HEADERS and one DATA frame that ends the stream. */
export function unaryCall(streamId: number, block: Uint8Array, message: Uint8Array = nothing): Buffer {
  return Buffer.concat([headers(streamId, block), data(streamId, grpcMessage(message), frameFlag.endStream)]);
}
