/**
 * A bare TCP client for HTTP/2: writes any bytes, right or wrong, and keeps every frame that comes back. It answers
 * nothing by itself, neither SETTINGS nor PING, and opens no windows. Every wait is bounded.
 */

import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { frameHeadBytes, frameType, preface, type SettingPair, settings, settingsAck } from './frame-bytes.ts';

const blockedMs = 5_000;
/** For what has to come; a busy machine takes its time. */
const patienceMs = 20_000;
/** Small, so that the answer to a flood is read before much of the flood is under way. */
const floodPartBytes = 16_384;

/** A frame as it came. `content` is a copy. */
export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly content: Buffer;
}

export interface GoAway {
  readonly lastStreamId: number;
  readonly code: number;
  readonly text: string;
}

interface Waiter {
  readonly matches: (frame: ReceivedFrame) => boolean;
  readonly resolve: (frame: ReceivedFrame) => void;
  readonly reject: (error: Error) => void;
}

export class RawConnection {
  readonly frames: ReceivedFrame[] = [];
  /** Resolves when the server has closed the connection or `destroy` was called; never rejects. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #waiters = new Set<Waiter>();
  #rest: Buffer = Buffer.alloc(0);
  #isClosed = false;
  #isWritable = true;

  private constructor(socket: Socket) {
    this.#socket = socket;
    // A write that fails must not throw away what the server said before it closed: that is still to be read.
    const { _readableState: reading, _writableState: writing } = socket as unknown as StreamStates;
    reading.autoDestroy = false;
    writing.autoDestroy = false;
    this.closed = new Promise((resolve) => {
      const end = () => {
        socket.destroy();
        this.#end();
        resolve();
      };
      socket.on('end', end);
      socket.on('close', end);
    });
    socket.on('error', () => {
      this.#isWritable = false;
    });
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  /** A connection on which nothing has been sent. */
  static async bare(port: number): Promise<RawConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RawConnection(socket);
  }

  /** A connection that has exchanged settings with the server. */
  static async open(port: number, ...pairs: readonly SettingPair[]): Promise<RawConnection> {
    const connection = await RawConnection.bare(port);
    await connection.write(preface, settings(...pairs));
    await connection.frame(({ type, flags }) => type === frameType.settings && flags === 0);
    await connection.write(settingsAck);
    await connection.frame(({ type, flags }) => type === frameType.settings && flags === 1);
    return connection;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The last GOAWAY, or null. */
  get goAway(): GoAway | null {
    const content = this.frames.findLast(({ type }) => type === frameType.goAway)?.content;
    if (content === undefined) return null;
    return {
      lastStreamId: content.readUInt32BE(0) & 0x7fff_ffff,
      code: content.readUInt32BE(4),
      text: content.subarray(8).toString('latin1'),
    };
  }

  /** Frames received on a stream, of one type when given. */
  on(streamId: number, type?: number): ReceivedFrame[] {
    return this.frames.filter((frame) => frame.streamId === streamId && (type === undefined || frame.type === type));
  }

  /** Resolves to whether all could be handed over: not when the connection is gone or stays blocked. */
  async write(...parts: readonly Uint8Array[]): Promise<boolean> {
    if (this.#isClosed || !this.#isWritable) return false;
    if (this.#socket.write(parts.length === 1 ? parts[0] : Buffer.concat(parts))) return true;
    return this.#drained(blockedMs);
  }

  /**
   * Writes what `make` gives for 0, 1, 2 … up to `count`, until the server says GOAWAY, closes, or takes nothing more
   * for `blockedMs`. Resolves to how many were written.
   */
  async flood(count: number, make: (i: number) => Uint8Array, blockedMs = 3_000): Promise<number> {
    let i = 0;
    while (i < count && !this.#isClosed && this.#isWritable && this.goAway === null) {
      const parts: Uint8Array[] = [];
      for (let bytes = 0; bytes < floodPartBytes && i < count; i++) {
        const part = make(i);
        parts.push(part);
        bytes += part.length;
      }
      if (!this.#socket.write(Buffer.concat(parts)) && !(await this.#drained(blockedMs))) break;
      await new Promise(setImmediate);
    }
    return i;
  }

  /** The first frame, received already or to come, for which `matches` holds. */
  frame(matches: (frame: ReceivedFrame) => boolean, waitMs = patienceMs): Promise<ReceivedFrame> {
    const known = this.frames.find(matches);
    if (known !== undefined) return Promise.resolve(known);
    if (this.#isClosed) return Promise.reject(this.#missing('was closed'));
    return new Promise((resolve, reject) => {
      const waiter = {
        matches,
        resolve: (frame: ReceivedFrame) => settle(() => resolve(frame)),
        reject: (error: Error) => settle(() => reject(error)),
      };
      const timer = setTimeout(() => waiter.reject(this.#missing(`waited ${waitMs} ms`)), waitMs);
      const settle = (act: () => void) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        act();
      };
      this.#waiters.add(waiter);
    });
  }

  /** Resolves to whether the server has closed the connection within that time. */
  closedWithin(waitMs: number): Promise<boolean> {
    const over = new AbortController();
    const late = sleep(waitMs, undefined, { signal: over.signal }).catch(() => undefined);
    return Promise.race([this.closed, late]).then(() => {
      over.abort();
      return this.#isClosed;
    });
  }

  /** Leaves what comes in the kernel, as a client that never reads. */
  stopReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Resolves to false when the socket stays blocked for that long or breaks. */
  #drained(waitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (isDrained: boolean) => {
        clearTimeout(timer);
        for (const event of ['drain', 'error', 'close', 'end']) this.#socket.off(event, onEvent);
        resolve(isDrained);
      };
      const onEvent = () => done(this.#isWritable && !this.#isClosed && !this.#socket.writableNeedDrain);
      const timer = setTimeout(() => done(false), waitMs);
      for (const event of ['drain', 'error', 'close', 'end']) this.#socket.on(event, onEvent);
    });
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= frameHeadBytes) {
      const end = at + frameHeadBytes + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const streamId = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
      const content = Buffer.from(bytes.subarray(at + frameHeadBytes, end));
      this.#keep({ type: bytes[at + 3], flags: bytes[at + 4], streamId, content });
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }

  #keep(frame: ReceivedFrame): void {
    this.frames.push(frame);
    for (const waiter of this.#waiters) if (waiter.matches(frame)) waiter.resolve(frame);
  }

  #end(): void {
    this.#isClosed = true;
    for (const waiter of this.#waiters) waiter.reject(this.#missing('was closed'));
  }

  #missing(what: string): Error {
    const last = this.frames.slice(-8).map(({ type, flags, streamId }) => `${type}/${flags}/${streamId}`);
    const goAway = this.goAway === null ? '' : `, GOAWAY ${this.goAway.code} '${this.goAway.text}'`;
    return new Error(`${what} without the frame; last of ${this.frames.length}: ${last.join(' ') || 'none'}${goAway}`);
  }
}

/** The part of a stream's inside that decides whether an error ends it. */
interface StreamStates {
  readonly _readableState: { autoDestroy: boolean };
  readonly _writableState: { autoDestroy: boolean };
}
