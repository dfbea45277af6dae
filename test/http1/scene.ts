/**
 * A connection without a socket, a timer or a turn of the event loop: bytes go in by `say`, answers come out of `hears`, and
 * time moves by `wait`. Requests are kept with everything that happened to them.
 */

import type { BodyReceiver } from '../../src/http1/body-receiver.ts';
import { Http1Connection } from '../../src/http1/connection.ts';
import { defaultLimits, type Http1Limits } from '../../src/http1/limits.ts';
import type { Http1Request, RequestListener } from '../../src/http1/request.ts';
import { ChunkPool } from '../../src/sockets/chunk-pool.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { HeldReadTurn } from '../sockets/held-read-turn.ts';
import { HeldTurn } from '../sockets/held-turn.ts';
import { MemorySocket } from '../sockets/memory-socket.ts';

export class RecordedRequest implements BodyReceiver, RequestListener {
  readonly request: Http1Request;
  /** What was called, in order: `data 3`, `end`, `gone`. */
  readonly calls: string[] = [];
  /** As an inference; a test may say otherwise. */
  endsWhenLost = true;
  /** How often the memory of the answer was given back. */
  releases = 0;
  readonly #content: Buffer[] = [];

  constructor(request: Http1Request) {
    this.request = request;
    request.listener = this;
  }

  get content(): string {
    return Buffer.concat(this.#content).toString('latin1');
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.calls.push(`data ${end - start}`);
    this.#content.push(Buffer.from(bytes.subarray(start, end)));
  }

  onEnd(): void {
    this.calls.push('end');
  }

  onLost(): void {
    this.calls.push('gone');
  }

  answer(text: string, parts: readonly Uint8Array[] = []): void {
    this.request.respond(200, [], text, parts, () => {
      this.releases++;
    });
  }
}

export interface SceneOptions {
  readonly limits?: Partial<Http1Limits>;
  /** Whether the bodies of requests are wanted; true by default. */
  readonly collects?: boolean;
  /** Called with each request before its body is asked for. */
  readonly onRequest?: (request: RecordedRequest) => void;
}

/** One answer in a few words: `200 text`, and `200 text close` where the connection ends with it. */
const answerText = /^HTTP\/1\.1 (\d{3}) [^\r]*\r\n((?:[^\r]+\r\n)*)\r\n/;

export class Scene {
  readonly socket = new MemorySocket();
  readonly clock = new FakeClock();
  readonly turn = new HeldTurn();
  readonly readTurn = new HeldReadTurn(this.clock);
  readonly connection: Http1Connection;
  readonly requests: RecordedRequest[] = [];
  /** Status and reason of what was refused. */
  readonly refusals: string[] = [];
  /** What was thrown and should not have been. */
  readonly unexpected: unknown[] = [];
  /** Bytes that wait for the client, as the connection tells. */
  waitingBytes = 0;
  isMemoryShort = false;
  #seenWrites = 0;

  constructor(options: SceneOptions = {}) {
    const handler = {
      onRequest: (request: Http1Request) => {
        const recorded = new RecordedRequest(request);
        this.requests.push(recorded);
        options.onRequest?.(recorded);
        if (options.collects !== false && request.isOpen && request.head.bodyBytes !== 0) request.collect(recorded);
      },
      onRefusal: (request: Http1Request, reason: string, status: number) => {
        this.refusals.push(`${status} ${reason}`);
        request.respond(status, [], 'refused');
      },
      onUnexpected: (error: unknown) => this.unexpected.push(error),
    };
    const { clock, turn, readTurn } = this;
    const limits = { ...defaultLimits, ...options.limits };
    const isMemoryShort = (): boolean => this.isMemoryShort;
    const countWaiting = (bytes: number): void => {
      this.waitingBytes += bytes;
    };
    const pool = new ChunkPool();
    this.connection = new Http1Connection(this.socket, {
      handler,
      limits,
      clock,
      pool,
      turn,
      readTurn,
      countWaiting,
      isMemoryShort,
    });
    this.socket.once('close', () => this.connection.lost());
    this.socket.on('drain', () => this.connection.drained());
  }

  get targets(): string[] {
    return this.requests.map(({ request }) => request.head.target);
  }

  /** The connection receives these bytes in one read, whose buffer is overwritten behind it. */
  say(...parts: readonly (string | Uint8Array)[]): void {
    const bytes = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
    // Not at the beginning of its buffer, as in a real read buffer that holds other bytes before and behind.
    const around = Buffer.concat([Buffer.from('#'), bytes, Buffer.from('#')]);
    this.connection.receive(around, 1, around.length - 1);
    around.fill(0xee);
  }

  /** One read for each byte. */
  spell(text: string): void {
    for (const character of text) this.say(character);
  }

  /** The turn ends: answers are written, and held bytes are read. */
  endTurn(): void {
    this.turn.end();
    this.readTurn.endTurn();
    this.turn.end();
  }

  /** The turn ends; the bytes that the client got since the last time. */
  heard(): string {
    this.endTurn();
    const fresh = this.socket.writes.slice(this.#seenWrites);
    this.#seenWrites = this.socket.writes.length;
    return Buffer.concat(fresh).toString('latin1');
  }

  /** The answers that the client got since the last time, each in a few words. */
  hears(): string[] {
    const told: string[] = [];
    for (let rest = this.heard(); rest !== ''; ) {
      const match = answerText.exec(rest);
      if (match === null) throw new Error(`no answer: ${rest.slice(0, 80)}`);
      const [head, status, headers] = match;
      const bytes = Number(/^Content-Length: (\d+)\r$/m.exec(headers)?.[1] ?? 0);
      const body = rest.slice(head.length, head.length + bytes);
      if (body.length < bytes) throw new Error(`${body.length} of ${bytes} bytes came`);
      const words = [status, body.length > 60 ? `${body.length} bytes` : body];
      if (/^Connection: close\r$/m.test(headers)) words.push('close');
      told.push(words.filter((word) => word !== '').join(' '));
      rest = rest.slice(head.length + bytes);
    }
    return told;
  }

  /** Time passes, one tick for each second, as the server has it. */
  wait(ms: number): void {
    for (let left = ms; left > 0; left -= 1000) {
      this.clock.advance(Math.min(1000, left));
      this.connection.lifecycle.tick(this.clock.now());
      this.turn.end();
    }
  }
}

export const get = (target: string, headers = ''): string => `GET ${target} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;

export const post = (target: string, body: string, headers = ''): string =>
  `POST ${target} HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;

export const chunkedHead = (target: string, headers = ''): string =>
  `POST ${target} HTTP/1.1\r\nHost: x\r\n${headers}Transfer-Encoding: chunked\r\n\r\n`;
