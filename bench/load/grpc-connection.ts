/**
 * One gRPC connection of a load run, directly on a socket (HTTP/2 with prior knowledge). Sends prebuilt messages and reads
 * the answers frame by frame; grpc-status of every answer is decoded and looked at.
 */

import { connect, type Socket } from 'node:net';

import { rawOutputOf } from './grpc-infer.ts';
import { GrpcRequestSender, type PeerSettings } from './grpc-request-sender.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import {
  connectionPreface,
  FrameReader,
  frame,
  frameFlag,
  frameType,
  settings,
  unpadded,
  windowUpdate,
} from './http2-frames.ts';
import type { LoadConnection } from './load-connection.ts';
import type { LoadRecorder } from './load-recorder.ts';
import { ReceivedBytes } from './received-bytes.ts';

/** A call under way. */
interface Call {
  readonly startMs: number;
  readonly caseIndex: number;
  readonly message: ReceivedBytes;
  grpcStatus: string | null;
  grpcMessage: string;
}

/** As h2load's. The window of a stream is never opened again, so it is larger than any answer. */
const ourStreamWindowBytes = 1 << 30;
const ourConnectionWindowBytes = 1 << 30;
const setting = { headerTable: 1, enablePush: 2, maxStreams: 3, initialWindow: 4, maxFrame: 5 } as const;
const defaultWindowBytes = 65_535;
const nothing = Buffer.alloc(0);

export class GrpcConnection implements LoadConnection {
  readonly #socket: Socket;
  readonly #recorder: LoadRecorder;
  readonly #messages: readonly Buffer[];
  readonly #outstanding: number;
  readonly #authority: string;
  readonly #calls = new Map<number, Call>();
  readonly #hpack = new HpackDecoder();
  readonly #peer: PeerSettings = {
    headerTableBytes: 4096,
    maxStreams: Number.POSITIVE_INFINITY,
    initialWindowBytes: defaultWindowBytes,
    maxFrameBytes: 16_384,
  };
  readonly #onReady: (failure: Error | null) => void;
  #sender: GrpcRequestSender | null = null;
  #earlyWindowBytes = defaultWindowBytes;
  #nextStreamId = 1;
  #receivedBytes = 0;
  #blockParts: Buffer = nothing;
  #isClosed = false;

  private constructor(
    socket: Socket,
    port: number,
    messages: readonly Buffer[],
    outstanding: number,
    recorder: LoadRecorder,
    onReady: (failure: Error | null) => void,
  ) {
    this.#socket = socket;
    this.#authority = `127.0.0.1:${port}`;
    this.#messages = messages;
    this.#outstanding = outstanding;
    this.#recorder = recorder;
    this.#onReady = onReady;
    const reader = new FrameReader((type, flags, streamId, content) => this.#frame(type, flags, streamId, content));
    socket.on('data', (chunk) => {
      try {
        reader.push(chunk);
        // Not before the first `send`: the server's SETTINGS come while other connections are still being opened.
        if (this.#nextStreamId > 1) this.#fill();
      } catch (error) {
        this.#break(String(error));
      }
    });
    socket.on('error', (error) => this.#break(`the connection failed: ${error.message}`));
    socket.on('close', () => this.#break('the server closed the connection'));
    const ours = settings([
      [setting.enablePush, 0],
      [setting.initialWindow, ourStreamWindowBytes],
    ]);
    socket.write(Buffer.concat([connectionPreface, ours, windowUpdate(0, ourConnectionWindowBytes)]));
  }

  /** Resolves when the server's SETTINGS have come. */
  static open(
    port: number,
    messages: readonly Buffer[],
    outstanding: number,
    recorder: LoadRecorder,
  ): Promise<GrpcConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true }, () => {
        socket.off('error', reject);
        const connection = new GrpcConnection(socket, port, messages, outstanding, recorder, (failure) => {
          if (failure === null) resolve(connection);
          else reject(failure);
        });
      });
      socket.once('error', reject);
    });
  }

  get inFlight(): number {
    return this.#calls.size;
  }

  get isBroken(): boolean {
    return this.#isClosed;
  }

  send(): void {
    this.#fill();
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #fill(): void {
    if (this.#sender === null || this.#isClosed) return;
    const wanted = Math.min(this.#outstanding, this.#peer.maxStreams);
    if (this.#recorder.isSending && this.#calls.size < wanted) {
      const nowMs = performance.now();
      while (this.#calls.size < wanted) {
        const startMs = this.#recorder.takeDue(nowMs);
        if (startMs === null) break;
        const caseIndex = this.#recorder.takeCase();
        const message = new ReceivedBytes();
        this.#calls.set(this.#nextStreamId, { startMs, caseIndex, message, grpcStatus: null, grpcMessage: '' });
        this.#sender.add(this.#nextStreamId, caseIndex);
        this.#nextStreamId += 2;
      }
    }
    this.#sender.flush();
  }

  #frame(type: number, flags: number, streamId: number, content: Buffer): void {
    switch (type) {
      case frameType.body:
        this.#body(flags, streamId, content);
        break;
      case frameType.headers:
      case frameType.continuation:
        this.#headers(type, flags, streamId, content);
        break;
      case frameType.resetStream:
        this.#finish(streamId, `the server reset the stream with code ${content.readUInt32BE(0)}`);
        break;
      case frameType.settings:
        if ((flags & frameFlag.ack) === 0) this.#settings(content);
        break;
      case frameType.ping:
        if ((flags & frameFlag.ack) === 0) this.#socket.write(frame(frameType.ping, frameFlag.ack, 0, content));
        break;
      case frameType.goAway:
        throw new Error(`the server went away with code ${content.readUInt32BE(4)}: ${content.toString('utf8', 8)}`);
      case frameType.windowUpdate:
        this.#grant(streamId, content.readUInt32BE(0));
        break;
      default:
        break;
    }
  }

  #grant(streamId: number, bytes: number): void {
    if (this.#sender === null) this.#earlyWindowBytes += streamId === 0 ? bytes : 0;
    else this.#sender.grant(streamId, bytes);
  }

  #settings(content: Buffer): void {
    const peer = this.#peer;
    for (let at = 0; at + 6 <= content.length; at += 6) {
      const id = content.readUInt16BE(at);
      const value = content.readUInt32BE(at + 2);
      if (id === setting.headerTable) peer.headerTableBytes = value;
      else if (id === setting.maxStreams) peer.maxStreams = value;
      else if (id === setting.maxFrame) peer.maxFrameBytes = value;
      else if (id === setting.initialWindow) {
        this.#sender?.moveInitialWindow(value - peer.initialWindowBytes);
        peer.initialWindowBytes = value;
      }
    }
    this.#socket.write(frame(frameType.settings, frameFlag.ack, 0, nothing));
    if (this.#sender !== null) return;
    this.#sender = new GrpcRequestSender(this.#socket, this.#authority, this.#messages, peer, this.#earlyWindowBytes);
    this.#onReady(null);
  }

  #body(flags: number, streamId: number, content: Buffer): void {
    this.#receivedBytes += content.length;
    if (this.#receivedBytes > ourConnectionWindowBytes / 2) {
      this.#socket.write(windowUpdate(0, this.#receivedBytes));
      this.#receivedBytes = 0;
    }
    const call = this.#calls.get(streamId);
    if (call === undefined) return;
    call.message.add(unpadded(frameType.body, flags, content));
    if ((flags & frameFlag.endStream) !== 0) this.#finish(streamId, 'an answer without trailers');
  }

  #headers(type: number, flags: number, streamId: number, content: Buffer): void {
    const part = unpadded(type, type === frameType.headers ? flags : 0, content);
    const block = this.#blockParts.length === 0 ? part : Buffer.concat([this.#blockParts, part]);
    if ((flags & frameFlag.endHeaders) === 0) {
      this.#blockParts = Buffer.from(block);
      return;
    }
    this.#blockParts = nothing;
    const call = this.#calls.get(streamId);
    for (const { name, value } of this.#hpack.decode(block)) {
      if (call === undefined) continue;
      if (name === 'grpc-status') call.grpcStatus = value;
      else if (name === 'grpc-message') call.grpcMessage = value;
      else if (name === ':status' && value !== '200') call.grpcMessage = `HTTP status ${value}`;
    }
    // Only trailers carry END_STREAM here, and a CONTINUATION is never needed for them.
    if (type === frameType.headers && (flags & frameFlag.endStream) !== 0) this.#finish(streamId, null);
  }

  #finish(streamId: number, failure: string | null): void {
    const call = this.#calls.get(streamId);
    if (call === undefined) return;
    this.#calls.delete(streamId);
    if (failure !== null || call.grpcStatus !== '0' || call.message.length === 0) {
      this.#sender?.drop(streamId);
      this.#recorder.fail(failure ?? `gRPC status ${call.grpcStatus ?? 'missing'}: ${call.grpcMessage}`);
      return;
    }
    const output = this.#recorder.wantsOutput ? rawOutputOf(call.message.joined()) : null;
    this.#recorder.succeed(call.startMs, call.caseIndex, output);
  }

  /** Ends the connection for good; what was under way has failed. */
  #break(reason: string): void {
    if (this.#isClosed) return;
    this.#recorder.fail(reason);
    for (let i = 1; i < this.#calls.size; i += 1) this.#recorder.fail(reason);
    this.#calls.clear();
    this.close();
    this.#onReady(new Error(reason));
  }
}
