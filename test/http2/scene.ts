/**
 * A connection without a socket, a timer or a turn of the event loop: bytes go in by `say`, frames come out of `heard`, and
 * time moves by `wait`. Requests are kept with everything that happened to them.
 */

import { ChunkPool } from '../../src/sockets/chunk-pool.ts';
import { Http2Connection } from '../../src/http2/connection.ts';
import { HeaderField } from '../../src/http2/header-field.ts';
import { defaultLimits, type Http2Limits } from '../../src/http2/limits.ts';
import type { Http2Stream, StreamReceiver } from '../../src/http2/stream.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { frameType, headers, preface, requestBlock, type SettingPair, settings } from './frame-bytes.ts';
import { HeldReadTurn } from '../sockets/held-read-turn.ts';
import { HeldTurn } from '../sockets/held-turn.ts';
import { MemorySocket } from '../sockets/memory-socket.ts';
import { type SentFrame, SentFrames } from './sent-frames.ts';

export class RecordedRequest implements StreamReceiver {
  readonly stream: Http2Stream;
  readonly fields: readonly HeaderField[];
  /** What was called, in order: `data 3`, `end`, `closed`. */
  readonly calls: string[] = [];
  readonly #content: Buffer[] = [];
  readonly #takesAtOnce: boolean;

  constructor(stream: Http2Stream, fields: readonly HeaderField[], takesAtOnce: boolean) {
    this.stream = stream;
    this.fields = fields;
    this.#takesAtOnce = takesAtOnce;
  }

  get content(): Buffer {
    return Buffer.concat(this.#content);
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.calls.push(`data ${end - start}`);
    this.#content.push(Buffer.from(bytes.subarray(start, end)));
    if (this.#takesAtOnce) this.stream.take(end - start);
  }

  onEnd(): void {
    this.calls.push('end');
  }

  onClosed(): void {
    this.calls.push('closed');
  }
}

export interface SceneOptions {
  readonly limits?: Partial<Http2Limits>;
  readonly settings?: readonly SettingPair[];
  /** Whether the handler gives content back to the connection's window as it comes; true by default. */
  readonly takesAtOnce?: boolean;
  readonly onRequest?: (request: RecordedRequest) => void;
  /** Whether the preface and SETTINGS are exchanged already; true by default. */
  readonly isOpen?: boolean;
}

export const okHead: readonly HeaderField[] = [new HeaderField(':status', '200', false, 'incremental')];
export const someTrailers: readonly HeaderField[] = [new HeaderField('grpc-status', '0', false, 'incremental')];

export const block: Buffer = requestBlock('/service/Method');

export class Scene {
  readonly socket = new MemorySocket();
  readonly clock = new FakeClock();
  readonly turn = new HeldTurn();
  readonly readTurn = new HeldReadTurn(this.clock);
  readonly pool = new ChunkPool();
  readonly connection: Http2Connection;
  readonly requests: RecordedRequest[] = [];
  /** What was thrown and should not have been. */
  readonly unexpected: unknown[] = [];
  /** Bytes that wait for the peer, as the connection tells. */
  waitingBytes = 0;
  /** How often the connection closed its account. */
  closedAccounts = 0;
  isMemoryShort = false;
  readonly sent = new SentFrames();
  /** Everything the peer has heard so far, in order. */
  readonly frames: SentFrame[] = [];
  #seenWrites = 0;

  constructor(options: SceneOptions = {}) {
    const handler = {
      onRequest: (stream: Http2Stream, fields: readonly HeaderField[]) => {
        const request = new RecordedRequest(stream, fields, options.takesAtOnce ?? true);
        this.requests.push(request);
        stream.receiver = request;
        options.onRequest?.(request);
      },
      onUnexpected: (error: unknown) => this.unexpected.push(error),
    };
    const { clock, pool, turn, readTurn } = this;
    const limits = { ...defaultLimits, ...options.limits };
    const isMemoryShort = (): boolean => this.isMemoryShort;
    const openAccount = () => ({
      number: 1,
      add: (bytes: number): void => {
        this.waitingBytes += bytes;
      },
      close: (): void => {
        this.closedAccounts++;
      },
    });
    this.connection = new Http2Connection(this.socket, {
      handler,
      limits,
      clock,
      pool,
      turn,
      readTurn,
      openAccount,
      isMemoryShort,
    });
    if (options.isOpen === false) return;
    this.say(preface, settings(...(options.settings ?? [])));
    this.heard();
  }

  /** The connection receives these bytes in one read, whose buffer is overwritten behind it. */
  say(...parts: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(parts);
    this.connection.receive(bytes, 0, bytes.length);
    bytes.fill(0xee);
  }

  /** The turn ends; what the peer got since the last time. */
  heard(): SentFrame[] {
    this.turn.end();
    const fresh = this.socket.writes.slice(this.#seenWrites);
    this.#seenWrites = this.socket.writes.length;
    const frames = fresh.flatMap((write) => this.sent.read(write));
    this.frames.push(...frames);
    return frames;
  }

  /** `type stream` of each frame that was heard since the last time; see `told`. */
  hears(): string[] {
    return this.heard().map(told);
  }

  /** Opens the stream and returns what became of it. */
  ask(streamId: number, flags = 0, content: Uint8Array = block): RecordedRequest {
    this.say(headers(streamId, content, flags));
    return this.requests.at(-1) as RecordedRequest;
  }

  /** Time passes, one tick for each second, as the server has it. */
  wait(ms: number): void {
    for (let left = ms; left > 0; left -= 1000) {
      this.clock.advance(Math.min(1000, left));
      this.connection.tick(this.clock.now());
      this.turn.end();
    }
  }
}

const typeNames = Object.entries(frameType);

/** A frame in a few words: `headers 1 end`, `data 1 300`, `resetStream 3 code 8`, `goAway last 5 code 0`. */
export function told({ type, flags, streamId, content }: SentFrame): string {
  const name = typeNames.find(([, number]) => number === type)?.[0] ?? `type-${type}`;
  const end = (flags & 1) === 1 ? ' end' : '';
  switch (type) {
    case frameType.data:
      return `data ${streamId} ${content.length}${end}`;
    case frameType.headers:
      return `headers ${streamId}${end}`;
    case frameType.resetStream:
      return `resetStream ${streamId} code ${content.readUInt32BE(0)}`;
    case frameType.windowUpdate:
      return `windowUpdate ${streamId} ${content.readUInt32BE(0)}`;
    case frameType.goAway:
      return `goAway last ${content.readUInt32BE(0)} code ${content.readUInt32BE(4)}`;
    default:
      return (flags & 1) === 1 ? `${name} ack` : name;
  }
}
