/**
 * What a server sent, read as strictly as the most suspicious client would: frames, header blocks, and the order in
 * which a stream may say things. Windows are not checked here.
 */

import type { HeaderField } from '../../src/http2/header-field.ts';
import { HpackDecoder } from '../../src/http2/hpack/decoder.ts';
import { frameFlag, frameHeadBytes, frameType } from './frame-bytes.ts';

export interface SentFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly content: Buffer;
  /** Of HEADERS; `name: value` each. */
  readonly fields: readonly string[];
}

const fixedLengths: Readonly<Record<number, number>> = {
  [frameType.resetStream]: 4,
  [frameType.ping]: 8,
  [frameType.windowUpdate]: 4,
};

const sentTypes: readonly number[] = [
  ...[frameType.data, frameType.headers, frameType.resetStream, frameType.settings],
  ...[frameType.ping, frameType.goAway, frameType.windowUpdate],
];

export class SentFrames {
  /** Set to what was announced, when it was. */
  maxFrameBytes = 16_384;
  readonly #decoder = new HpackDecoder(4096, 1 << 20);
  readonly #begun = new Set<number>();
  readonly #ended = new Set<number>();
  #rest: Buffer = Buffer.alloc(0);
  #count = 0;

  /** Bytes of a frame that is not complete. */
  get restBytes(): number {
    return this.#rest.length;
  }

  /** @throws Error for anything that a server must not send. */
  read(bytes: Buffer): SentFrame[] {
    const frames: SentFrame[] = [];
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (rest.length >= frameHeadBytes) {
      const end = frameHeadBytes + rest.readUIntBE(0, 3);
      if (end - frameHeadBytes > this.maxFrameBytes) throw new Error(`a frame of ${end - frameHeadBytes} bytes`);
      if (rest.length < end) break;
      frames.push(this.#frame(rest[3], rest[4], rest.readUInt32BE(5), rest.subarray(frameHeadBytes, end)));
      rest = rest.subarray(end);
    }
    this.#rest = Buffer.from(rest);
    return frames;
  }

  #frame(type: number, flags: number, streamId: number, content: Buffer): SentFrame {
    const what = `frame ${this.#count++} (type ${type}, flags ${flags}, stream ${streamId}, ${content.length} bytes)`;
    const must = (holds: boolean, rule: string) => {
      if (!holds) throw new Error(`${what}: ${rule}`);
    };
    must(sentTypes.includes(type), 'is of a type that a server does not send');
    must(this.#count > 1 || (type === frameType.settings && flags === 0), 'is not SETTINGS and comes first');
    must(streamId < 2 ** 31, 'has the reserved bit');
    must(content.length === (fixedLengths[type] ?? content.length), 'has the wrong length');
    let fields: HeaderField[] = [];
    if (type === frameType.headers) {
      must((flags & frameFlag.endHeaders) !== 0, 'does not end its block');
      fields = this.#decoder.decode(content, 0, content.length);
      must(this.#begun.has(streamId) || fields[0]?.name === ':status', 'begins an answer without :status');
      must(!this.#begun.has(streamId) || (flags & frameFlag.endStream) !== 0, 'is trailers and does not end');
      this.#begun.add(streamId);
    }
    if (type === frameType.data || type === frameType.headers) {
      must((streamId & 1) === 1, 'is of a stream that no client opens');
      must(this.#begun.has(streamId), 'is content before the head');
      must(!this.#ended.has(streamId), 'comes after the end of its stream');
      if ((flags & frameFlag.endStream) !== 0) this.#ended.add(streamId);
    }
    if (type === frameType.resetStream) {
      must(streamId !== 0, 'resets no stream');
      this.#ended.add(streamId);
    }
    if (type === frameType.windowUpdate) {
      must(content.readUInt32BE(0) > 0 && content.readUInt32BE(0) < 2 ** 31, 'has an increment out of range');
    }
    if (type === frameType.settings) must(content.length % 6 === 0 && streamId === 0, 'is no SETTINGS');
    if (type === frameType.ping || type === frameType.goAway) must(streamId === 0, 'names a stream');
    if (type === frameType.goAway) must(content.length >= 8, 'is too short');
    return { type, flags, streamId, content, fields: fields.map(({ name, value }) => `${name}: ${value}`) };
  }
}
