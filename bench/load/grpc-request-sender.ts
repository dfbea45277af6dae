/**
 * The sending half of a gRPC load connection: turns requests into frames within the server's flow-control windows.
 * Requests sent in one go leave in one write; a large message shares its bytes with every other use of it and is never
 * copied.
 */

import type { Socket } from 'node:net';

import { headerBlocks } from './grpc-header-block.ts';
import { frame, frameFlag, frameHeadBytes, frameType, writeFrameHead } from './http2-frames.ts';

/** The server's SETTINGS, with the defaults of RFC 9113, section 6.5.2. */
export interface PeerSettings {
  headerTableBytes: number;
  maxStreams: number;
  initialWindowBytes: number;
  maxFrameBytes: number;
}

interface Upload {
  readonly streamId: number;
  readonly message: Buffer;
  /** The whole request as two frames with stream id 0, or null when it needs more of them. */
  readonly whole: Buffer | null;
  sentBytes: number;
  windowBytes: number;
}

/** Writes larger than this go out as a vector instead of being copied together. */
const copyLimitBytes = 65_536;

export class GrpcRequestSender {
  readonly #socket: Socket;
  readonly #peer: PeerSettings;
  readonly #messages: readonly Buffer[];
  readonly #whole: readonly (Buffer | null)[];
  readonly #laterHeaders: Buffer;
  #nextHeaders: Buffer;
  #windowBytes: number;
  #uploads: Upload[] = [];

  /** `windowBytes` is what the connection may send by now. */
  constructor(socket: Socket, authority: string, messages: readonly Buffer[], peer: PeerSettings, windowBytes: number) {
    this.#socket = socket;
    this.#peer = peer;
    this.#messages = messages;
    this.#windowBytes = windowBytes;
    const blocks = headerBlocks(authority, peer.headerTableBytes >= 4096);
    const headersFrame = (block: Buffer): Buffer => frame(frameType.headers, frameFlag.endHeaders, 0, block);
    this.#nextHeaders = headersFrame(blocks.first);
    this.#laterHeaders = headersFrame(blocks.later);
    this.#whole = messages.map((message) =>
      message.length > Math.min(peer.maxFrameBytes, peer.initialWindowBytes)
        ? null
        : Buffer.concat([this.#laterHeaders, frame(frameType.body, frameFlag.endStream, 0, message)]),
    );
  }

  /** Queues a request; `flush` sends it. */
  add(streamId: number, caseIndex: number): void {
    this.#uploads.push({
      streamId,
      message: this.#messages[caseIndex],
      whole: this.#whole[caseIndex],
      sentBytes: -1,
      windowBytes: this.#peer.initialWindowBytes,
    });
  }

  /** WINDOW_UPDATE from the server; stream 0 is the connection. */
  grant(streamId: number, bytes: number): void {
    if (streamId === 0) this.#windowBytes += bytes;
    else {
      const upload = this.#uploads.find((candidate) => candidate.streamId === streamId);
      if (upload !== undefined) upload.windowBytes += bytes;
    }
  }

  /** The server changed the initial window; it holds for streams that are being sent as well. */
  moveInitialWindow(deltaBytes: number): void {
    for (const upload of this.#uploads) upload.windowBytes += deltaBytes;
  }

  /** The stream is over; whatever of it was not sent yet is not sent any more. */
  drop(streamId: number): void {
    this.#uploads = this.#uploads.filter((upload) => upload.streamId !== streamId);
  }

  /** Sends what the windows allow, oldest request first. */
  flush(): void {
    if (this.#uploads.length === 0) return;
    const parts: Buffer[] = [];
    const waiting: Upload[] = [];
    for (const upload of this.#uploads) if (!this.#send(upload, parts)) waiting.push(upload);
    this.#uploads = waiting;
    this.#write(parts);
  }

  /** True when the request has left entirely. */
  #send(upload: Upload, parts: Buffer[]): boolean {
    const { streamId, message, whole } = upload;
    if (upload.sentBytes < 0) {
      const isFirst = this.#nextHeaders !== this.#laterHeaders;
      if (whole !== null && !isFirst && message.length <= this.#windowBytes) {
        const bytes = Buffer.from(whole);
        bytes.writeUInt32BE(streamId, 5);
        bytes.writeUInt32BE(streamId, this.#laterHeaders.length + 5);
        parts.push(bytes);
        this.#windowBytes -= message.length;
        return true;
      }
      const headers = Buffer.from(this.#nextHeaders);
      headers.writeUInt32BE(streamId, 5);
      parts.push(headers);
      this.#nextHeaders = this.#laterHeaders;
      upload.sentBytes = 0;
    }
    while (upload.sentBytes < message.length) {
      const left = message.length - upload.sentBytes;
      const size = Math.min(left, this.#peer.maxFrameBytes, this.#windowBytes, upload.windowBytes);
      if (size <= 0) return false;
      const head = Buffer.allocUnsafe(frameHeadBytes);
      writeFrameHead(head, 0, size, frameType.body, size === left ? frameFlag.endStream : 0, streamId);
      parts.push(head, message.subarray(upload.sentBytes, upload.sentBytes + size));
      upload.sentBytes += size;
      upload.windowBytes -= size;
      this.#windowBytes -= size;
    }
    return true;
  }

  #write(parts: readonly Buffer[]): void {
    let total = 0;
    for (const part of parts) total += part.length;
    if (total === 0) return;
    if (parts.length === 1) this.#socket.write(parts[0]);
    else if (total <= copyLimitBytes) this.#socket.write(Buffer.concat(parts, total));
    else {
      this.#socket.cork();
      for (const part of parts) this.#socket.write(part);
      this.#socket.uncork();
    }
  }
}
