/**
 * Frames in any order and shape into a connection of our HTTP/2, over a socket in memory, with a handler that answers as it
 * likes: nothing is thrown, what leaves is well formed, and nothing is left behind. Beside it a client that keeps the rules,
 * with windows of any size: every answer arrives whole and in order. The seed comes from FUZZ_SEED or is printed with the
 * failure; FUZZ_RUNS is the number of connections of the first kind.
 */

import { describe, expect, it } from 'vitest';
import { Http2UnaryCall } from '../../src/frontends/grpc/transport/http2/unary-call.ts';
import { Http2StreamCall } from '../../src/frontends/grpc/transport/http2/stream-call.ts';
import { CallHead } from '../../src/frontends/grpc/transport/http2/call-head.ts';
import { MessagePool } from '../../src/frontends/message-pool.ts';
import { OpenCalls } from '../../src/frontends/grpc/transport/open-calls.ts';
import { ChunkPool } from '../../src/sockets/chunk-pool.ts';
import { Http2Connection } from '../../src/http2/connection.ts';
import { HeaderField } from '../../src/http2/header-field.ts';
import { defaultLimits, type Http2Limits } from '../../src/http2/limits.ts';
import type { Http2Stream, StreamReceiver } from '../../src/http2/stream.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import * as bytesOf from '../http2/frame-bytes.ts';
import { frameFlag, frameType, preface, setting } from '../http2/frame-bytes.ts';
import { MemorySocket } from '../sockets/memory-socket.ts';
import { HeldReadTurn } from '../sockets/held-read-turn.ts';
import { HeldTurn } from '../sockets/held-turn.ts';
import { SentFrames } from '../http2/sent-frames.ts';
import { promised } from '../fakes/promised-method.ts';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const connectionCount = Number(process.env.FUZZ_RUNS ?? 4000);
const clientCount = Math.ceil(connectionCount / 4);

/** Of the processor. Far above what a run takes; a loop that does not end is found by the test's own limit. */
const maxMsPerRun = 2000;

/** mulberry32: small, quick, and the same everywhere. */
class Chance {
  #state: number;

  constructor(from: number) {
    this.#state = from >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  is(probability: number): boolean {
    return this.next() < probability;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }

  bytes(count: number) {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)));
  }
}

/** A connection tells this to whoever made it and ends; here it ends the run. */
function onUnexpected(error: unknown): void {
  throw error;
}

const repeated = (name: string, value: string) => new HeaderField(name, value, false, 'incremental');
const head = [repeated(':status', '200'), repeated('content-type', 'application/grpc')];
const tail = [repeated('grpc-status', '0'), new HeaderField('grpc-message', 'as it came')];

/** Answers whenever and however it likes, and holds the connection to what it promises its receivers. */
class AnyAnswer implements StreamReceiver {
  readonly stream: Http2Stream;
  readonly #chance: Chance;
  readonly #breaches: string[];
  #isOver = false;
  #hasHead = false;
  #hasEnd = false;
  #untaken = 0;

  constructor(stream: Http2Stream, chance: Chance, breaches: string[]) {
    this.stream = stream;
    this.#chance = chance;
    this.#breaches = breaches;
  }

  #hold(call: string): void {
    if (this.#isOver) this.#breaches.push(`${call} of stream ${this.stream.id} after its end`);
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.#hold('onData');
    if (this.#hasEnd) this.#breaches.push(`onData of stream ${this.stream.id} after onEnd`);
    if (end <= start || end > bytes.length) this.#breaches.push('onData without content');
    this.#untaken += end - start;
    if (this.#chance.is(0.3)) this.act();
  }

  onEnd(): void {
    this.#hold('onEnd');
    if (this.#hasEnd) this.#breaches.push(`onEnd of stream ${this.stream.id} twice`);
    this.#hasEnd = true;
    if (this.#chance.is(0.5)) this.act();
  }

  onClosed(): void {
    this.#hold('onClosed');
    this.#isOver = true;
    // Calls after the end have no effect.
    if (this.#chance.is(0.2)) this.act();
  }

  /** One random thing. */
  act(): void {
    const { stream } = this;
    const chance = this.#chance;
    if (chance.is(0.7)) {
      stream.take(this.#untaken);
      this.#untaken = 0;
    }
    if (!this.#hasHead) {
      const isEnd = chance.is(0.2);
      this.#hasHead = true;
      if (isEnd) this.#isOver = true;
      stream.sendHeaders(head, isEnd);
      if (isEnd) return;
    }
    switch (chance.below(9)) {
      case 0:
      case 1: {
        const length = 1 + chance.below(chance.is(0.1) ? 20_000 : 300);
        const at = stream.beginData(length);
        if (at >= 0) stream.target.fill(9, at, at + length);
        break;
      }
      case 2:
      case 3:
        stream.sendData(Buffer.alloc(1 + chance.below(chance.is(0.2) ? 100_000 : 2000), 9), null);
        break;
      case 4:
        this.#isOver = true;
        stream.sendTrailers(tail);
        break;
      case 5:
        this.#isOver = true;
        stream.sendLastData(Buffer.alloc(1 + chance.below(3000), 9));
        break;
      case 6:
        this.#isOver = true;
        stream.reset(chance.below(14));
        break;
      case 7:
        stream.grant(chance.below(200_000));
        break;
      default:
        stream.replenish(chance.below(50_000));
    }
  }

  giveUp(): void {
    this.stream.take(this.#untaken);
    this.#untaken = 0;
  }
}

/** Makes frames that a client might send: most of them right, so that there is something to break. */
class FrameSource {
  readonly #chance: Chance;
  /** Some clients break rules on purpose, which ends their connections soon; others go far. */
  readonly #isWild: boolean;
  #nextId = 1;

  constructor(chance: Chance) {
    this.#chance = chance;
    this.#isWild = chance.is(0.4);
  }

  #anyId(): number {
    const chance = this.#chance;
    if (this.#isWild && chance.is(0.03)) return chance.of([0, 2, this.#nextId + 2, 2 ** 31 - 1]);
    return Math.max(1, this.#nextId - 2 - 2 * chance.below(6));
  }

  next(): Buffer {
    const frame = this.#good();
    const chance = this.#chance;
    if (!this.#isWild || !chance.is(0.02)) return frame;
    switch (chance.below(4)) {
      case 0:
        frame[chance.below(frame.length)] = chance.below(256);
        return frame;
      case 1:
        frame[4] = chance.below(256);
        return frame;
      case 2:
        return frame.subarray(0, chance.below(frame.length));
      default:
        return bytesOf.frame(chance.below(12), chance.below(256), this.#anyId(), chance.bytes(chance.below(60)));
    }
  }

  #good(): Buffer {
    const chance = this.#chance;
    const endFlag = chance.is(0.4) ? frameFlag.endStream : 0;
    // Before the first request there is nothing that most frames could be about.
    if (this.#nextId === 1 && !this.#isWild) return this.#request(endFlag);
    switch (chance.below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return this.#request(endFlag);
      case 4:
      case 5:
      case 6:
      case 7: {
        const content = Buffer.alloc(chance.below(chance.is(0.1) ? 16_000 : 200), 7);
        if (!chance.is(0.2)) return bytesOf.data(this.#anyId(), content, endFlag);
        const padding = chance.below(100);
        const padded = Buffer.concat([Buffer.of(padding), content, Buffer.alloc(padding)]);
        return bytesOf.data(this.#anyId(), padded, endFlag | frameFlag.padded);
      }
      case 8:
      case 9:
        return bytesOf.windowUpdate(chance.is(0.5) ? 0 : this.#anyId(), 1 + chance.below(chance.is(0.5) ? 60_000 : 50));
      case 10:
        return bytesOf.resetStream(this.#anyId(), chance.below(16));
      case 11:
        return chance.is(0.5) ? bytesOf.ping() : bytesOf.ping(frameFlag.ack, chance.bytes(8));
      case 12:
        return this.#settings();
      case 13:
        return chance.is(0.5)
          ? bytesOf.priority(chance.is(0.5) ? this.#nextId : this.#anyId() || 1)
          : bytesOf.frame(0x20 + chance.below(200), chance.below(256), this.#anyId(), chance.bytes(20));
      case 14:
        // Trailers of a stream that has ended end the connection.
        if (!this.#isWild && !chance.is(0.1)) return bytesOf.settingsAck;
        return bytesOf.headers(this.#anyId(), bytesOf.field('x-trailer', 'y'), frameFlag.endStream);
      default:
        return chance.is(0.8) ? bytesOf.settingsAck : bytesOf.frame(frameType.goAway, 0, 0, Buffer.alloc(8));
    }
  }

  #request(endFlag: number): Buffer {
    const chance = this.#chance;
    const id = this.#nextId;
    this.#nextId += chance.is(0.9) ? 2 : 4;
    const more: Buffer[] = [];
    if (chance.is(0.1)) more.push(bytesOf.field('content-length', String(chance.below(300))));
    if (chance.is(0.2)) more.push(bytesOf.field('x-kept', 'abc', true));
    if (chance.is(0.05)) more.push(bytesOf.field('Wrong', 'x'));
    if (chance.is(0.02))
      more.push(bytesOf.field('x-large', 'a'.repeat(9000)), bytesOf.field('x-larger', 'b'.repeat(6000)));
    const block = bytesOf.requestBlock(chance.of(['/a', '/b/c', '/']), ...more);
    if (chance.is(0.8)) return bytesOf.headers(id, block, endFlag);
    const cut = chance.below(block.length);
    return Buffer.concat([
      bytesOf.frame(frameType.headers, endFlag, id, block.subarray(0, cut)),
      bytesOf.frame(frameType.continuation, frameFlag.endHeaders, id, block.subarray(cut)),
    ]);
  }

  #settings(): Buffer {
    const chance = this.#chance;
    const pairs: bytesOf.SettingPair[] = [];
    if (chance.is(0.6)) pairs.push([setting.initialWindowSize, chance.below(chance.is(0.5) ? 70_000 : 10)]);
    // One size for a frame: what several would mean is told in test/http2/connection.test.ts.
    if (chance.is(0.3)) pairs.push([setting.headerTableSize, chance.of([0, 50, 4096, 100_000])]);
    if (chance.is(0.2)) pairs.push([chance.of([3, 6, 8, 99]), chance.below(2 ** 31)]);
    return bytesOf.settings(...pairs);
  }
}

const counts = { connections: 0, frames: 0, answers: 0, failed: 0, sent: 0 };

/** Cuts into pieces and hands them over by one buffer that is overwritten behind them. */
function push(connection: Http2Connection, bytes: Buffer, chance: Chance): void {
  for (let at = 0; at < bytes.length; ) {
    const size = chance.is(0.5) ? bytes.length - at : 1 + chance.below(Math.min(5000, bytes.length - at));
    const piece = Buffer.from(bytes.subarray(at, at + size));
    connection.receive(piece, 0, piece.length);
    piece.fill(0xee);
    at += piece.length;
  }
}

const tightLimits: Partial<Http2Limits> = {
  maxConcurrentStreams: 20,
  streamWindowBytes: 70_000,
  connectionWindowBytes: 200_000,
  maxHeldBytes: 300_000,
  maxHeaderListBytes: 10_000,
};

function anyConnection(chance: Chance): void {
  const socket = new MemorySocket();
  const turn = new HeldTurn();
  const clock = new FakeClock();
  const breaches: string[] = [];
  const answers: AnyAnswer[] = [];
  const handler = {
    onUnexpected,
    onRequest(stream: Http2Stream) {
      const answer = new AnyAnswer(stream, chance, breaches);
      answers.push(answer);
      stream.receiver = answer;
      if (chance.is(0.3)) answer.act();
    },
  };
  const limits = { ...defaultLimits, ...tightLimits };
  const parts = { clock, pool: new ChunkPool(), turn, readTurn: new HeldReadTurn(clock) };
  const connection = new Http2Connection(socket, { handler, limits, ...parts });
  const sent = new SentFrames();
  sent.maxFrameBytes = 65_536;
  let seen = 0;
  const listen = () => {
    turn.end();
    for (; seen < socket.writes.length; seen++) counts.sent += sent.read(socket.writes[seen]).length;
  };
  const source = new FrameSource(chance);
  push(connection, Buffer.concat([preface, bytesOf.settings()]), chance);
  const steps = 5 + chance.below(100);
  for (let i = 0; i < steps && !connection.lifecycle.isFailed; i++) {
    const batch = Array.from({ length: 1 + chance.below(3) }, () => source.next());
    counts.frames += batch.length;
    push(connection, Buffer.concat(batch), chance);
    for (let acts = chance.below(4); acts > 0 && answers.length > 0; acts--) chance.of(answers.slice(-12)).act();
    if (chance.is(0.5)) listen();
    socket.isSlow = chance.is(0.2);
    if (!socket.isSlow) socket.takeAll();
    if (chance.is(0.02)) connection.lifecycle.goAway(clock.now());
    if (chance.is(0.1)) {
      clock.advance(1000);
      connection.tick(clock.now());
    }
  }
  listen();
  socket.isSlow = false;
  socket.takeAll();
  listen();
  if (connection.lifecycle.isFailed) counts.failed++;
  if (!socket.destroyed) expect(sent.restBytes).toBe(0);
  connection.lost();
  for (const answer of answers) answer.giveUp();
  turn.end();
  expect([connection.streams.size, connection.streams.heldBytes]).toEqual([0, 0]);
  expect(connection.streams.all()).toEqual([]);
  expect(breaches).toEqual([]);
  counts.connections++;
  counts.answers += answers.length;
}

/** Content of a stream is the position, a byte each, so that order is seen. */
const pattern = Buffer.from(Array.from({ length: 1 << 16 }, (_, at) => at & 0xff));

/** A client that keeps the rules: sends in its windows, opens its own as it likes, and checks what it is told. */
function carefulClient(chance: Chance): void {
  const socket = new MemorySocket();
  const turn = new HeldTurn();
  const clock = new FakeClock();
  const streams = 1 + chance.below(8);
  const answerBytes = Array.from({ length: streams }, () =>
    Array.from({ length: chance.below(4) }, () => 1 + chance.below(40_000)),
  );
  const requestBytes = Array.from({ length: streams }, () => chance.below(200_000));
  const received: number[] = Array(streams).fill(0);
  const contentOf = (i: number, from: number, length: number) => {
    const at = (from + 31 * i) & 0xff;
    return pattern.subarray(at, at + length);
  };
  const pending: (() => void)[] = [];
  const handler = {
    onUnexpected,
    onRequest(stream: Http2Stream) {
      const i = (stream.id - 1) / 2;
      stream.receiver = {
        onData(bytes, start, end) {
          expect(bytes.subarray(start, end).equals(contentOf(i, received[i], end - start))).toBe(true);
          received[i] += end - start;
          const give = () => {
            stream.take(end - start);
            stream.replenish(0);
          };
          if (chance.is(0.5)) give();
          else pending.push(give);
        },
        onEnd() {
          pending.push(() => {
            stream.sendHeaders(head, false);
            let at = 0;
            for (const length of answerBytes[i]) {
              const begun = stream.beginData(length);
              if (begun >= 0) contentOf(i, at, length).copy(stream.target, begun);
              else stream.sendData(contentOf(i, at, length), null);
              at += length;
            }
            stream.sendTrailers(tail);
          });
        },
        onClosed() {
          throw new Error(`stream ${stream.id} was closed`);
        },
      };
    },
  };
  const limits = {
    ...defaultLimits,
    streamWindowBytes: 65_535 + chance.below(50_000),
    connectionWindowBytes: 65_535 + chance.below(100_000),
  };
  const parts = { clock, pool: new ChunkPool(), turn, readTurn: new HeldReadTurn(clock) };
  const connection = new Http2Connection(socket, { handler, limits, ...parts });
  const sent = new SentFrames();
  let initialWindow = chance.below(chance.is(0.5) ? 3000 : 100_000);
  sent.maxFrameBytes = chance.is(0.5) ? 16_384 : 16_384 + chance.below(100_000);
  push(
    connection,
    Buffer.concat([
      preface,
      bytesOf.settings([setting.initialWindowSize, initialWindow], [setting.maxFrameSize, sent.maxFrameBytes]),
    ]),
    chance,
  );
  /** The windows that are left to the server and to the test. */
  let windowIn = 65_535;
  const streamIn: number[] = Array(streams).fill(initialWindow);
  let windowOut = 65_535;
  const streamOut: number[] = Array(streams).fill(limits.streamWindowBytes);
  const asked: number[] = Array(streams).fill(-1);
  const got: number[] = Array(streams).fill(0);
  const isDone: boolean[] = Array(streams).fill(false);
  let seen = 0;
  const listen = () => {
    turn.end();
    socket.takeAll();
    for (; seen < socket.writes.length; seen++) {
      for (const { type, flags, streamId, content, fields } of sent.read(socket.writes[seen])) {
        counts.sent++;
        const i = (streamId - 1) / 2;
        if (type === frameType.windowUpdate) {
          if (streamId === 0) windowOut += content.readUInt32BE(0);
          else streamOut[i] += content.readUInt32BE(0);
        } else if (type === frameType.data) {
          expect(content.equals(contentOf(i, got[i], content.length))).toBe(true);
          got[i] += content.length;
          windowIn -= content.length;
          streamIn[i] -= content.length;
          expect([windowIn >= 0, streamIn[i] >= 0]).toEqual([true, true]);
        } else if (type === frameType.headers && (flags & frameFlag.endStream) !== 0) {
          expect(fields).toEqual(['grpc-status: 0', 'grpc-message: as it came']);
          isDone[i] = true;
        } else if (type === frameType.resetStream || type === frameType.goAway) {
          throw new Error(`a careful client got type ${type}, stream ${streamId}: ${content.toString('latin1')}`);
        }
      }
    }
  };
  listen();
  let steps = 0;
  for (; isDone.includes(false); steps++) {
    if (steps > 20_000)
      throw new Error(`stuck: asked ${asked}, got ${got}, windows ${windowOut} ${streamOut} ${windowIn} ${streamIn}`);
    const i = chance.below(streams);
    switch (chance.below(6)) {
      case 0:
        // Ids must rise: the next that was not opened.
        if (asked.includes(-1)) {
          const next = asked.indexOf(-1);
          asked[next] = 0;
          const isEnd = requestBytes[next] === 0;
          push(
            connection,
            bytesOf.headers(2 * next + 1, bytesOf.requestBlock('/a/b'), isEnd ? frameFlag.endStream : 0),
            chance,
          );
          counts.frames++;
        }
        break;
      case 1:
      case 2: {
        const left = requestBytes[i] - asked[i];
        const length = Math.min(left, windowOut, streamOut[i], 1 + chance.below(16_000));
        if (asked[i] < 0 || length <= 0) break;
        const padding = chance.is(0.2) ? Math.min(200, windowOut - length - 1, streamOut[i] - length - 1) : -1;
        const content = contentOf(i, asked[i], length);
        const isEnd = length === left ? frameFlag.endStream : 0;
        const bytes =
          padding < 0 || length > 16_000
            ? bytesOf.data(2 * i + 1, content, isEnd)
            : bytesOf.data(
                2 * i + 1,
                Buffer.concat([Buffer.of(padding), content, Buffer.alloc(padding)]),
                isEnd | frameFlag.padded,
              );
        windowOut -= bytes.length - 9;
        streamOut[i] -= bytes.length - 9;
        asked[i] += length;
        push(connection, bytes, chance);
        counts.frames++;
        break;
      }
      case 3: {
        const increment = 1 + chance.below(chance.is(0.3) ? 30_000 : 500);
        const ofStream = asked[i] >= 0 && !isDone[i] && chance.is(0.6);
        if (ofStream) streamIn[i] += increment;
        else windowIn += increment;
        push(connection, bytesOf.windowUpdate(ofStream ? 2 * i + 1 : 0, increment), chance);
        counts.frames++;
        break;
      }
      case 4:
        if (chance.is(0.2)) {
          const before = initialWindow;
          initialWindow = chance.below(chance.is(0.5) ? 100 : 80_000);
          listen();
          for (let each = 0; each < streams; each++) streamIn[each] += initialWindow - before;
          push(connection, bytesOf.settings([setting.initialWindowSize, initialWindow]), chance);
          counts.frames++;
        }
        break;
      default:
        for (let acts = 1 + chance.below(3); acts > 0 && pending.length > 0; acts--) {
          pending.splice(chance.is(0.5) ? 0 : chance.below(pending.length), 1)[0]();
        }
    }
    socket.isSlow = chance.is(0.3);
    if (chance.is(0.5)) listen();
  }
  for (const each of pending.splice(0)) each();
  listen();
  expect(received).toEqual(requestBytes);
  expect(got).toEqual(answerBytes.map((lengths) => lengths.reduce((sum, length) => sum + length, 0)));
  expect([connection.streams.size, connection.streams.heldBytes]).toEqual([0, 0]);
  // All was given back, but for what is not worth a frame yet.
  expect(limits.connectionWindowBytes - windowOut).toBeLessThan(limits.connectionWindowBytes / 4);
  counts.connections++;
  counts.answers += streams;
}

const config = {
  maxMessageBytes: 150_000,
  responseCompressionLevel: 'none',
} as unknown as ConstructorParameters<typeof Http2UnaryCall>[5]['config'];

/** gRPC's calls on a connection whose client sends good, bad and half messages: memory and windows all come back. */
async function anyCalls(chance: Chance): Promise<void> {
  const socket = new MemorySocket();
  const turn = new HeldTurn();
  const clock = new FakeClock();
  const logger = { error: () => undefined } as unknown as ConstructorParameters<typeof Http2UnaryCall>[5]['logger'];
  const surroundings = { clock, logger, config, calls: new OpenCalls(), pool: new MessagePool() };
  const callHead = new CallHead();
  const method = { path: '/a/b', isCompressible: false } as const;
  const handler = {
    onUnexpected,
    onRequest(stream: Http2Stream, fields: readonly HeaderField[]) {
      callHead.read(fields);
      if (chance.is(0.5)) {
        const handle = async (message: Buffer) => {
          if (chance.is(0.2)) throw new Error('as it happens');
          return Buffer.from(message.subarray(0, 100));
        };
        const unary = { kind: 'unary' as const, ...method, handle: promised(handle) };
        stream.receiver = new Http2UnaryCall(stream, unary, fields, callHead, Infinity, surroundings);
        return;
      }
      const call = new Http2StreamCall(
        stream,
        {
          kind: 'stream',
          ...method,
          open(call) {
            call.read();
            return {
              onMessage(message) {
                if (chance.is(0.9)) call.read();
                if (chance.is(0.5)) call.send(Buffer.from(message.subarray(0, 50)), null);
                if (chance.is(0.1)) call.finish({ code: 0, message: '' });
              },
              onHalfClose: () => call.finish({ code: 0, message: '' }),
              onDrain: () => undefined,
            };
          },
        },
        fields,
        callHead,
        Infinity,
        surroundings,
      );
      stream.receiver = call;
      call.open();
    },
  };
  const limits = {
    ...defaultLimits,
    streamWindowBytes: 70_000,
    connectionWindowBytes: 140_000,
    maxAssembledBytes: 300_000,
    resetBurst: 1e6,
  };
  const parts = { clock, pool: new ChunkPool(), turn, readTurn: new HeldReadTurn(clock) };
  const connection = new Http2Connection(socket, { handler, limits, ...parts });
  const sent = new SentFrames();
  let windowOut = 65_535;
  const streamOut = new Map<number, number>();
  let seen = 0;
  const listen = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    turn.end();
    for (; seen < socket.writes.length; seen++) {
      for (const { type, flags, streamId, content } of sent.read(socket.writes[seen])) {
        counts.sent++;
        if (type === frameType.windowUpdate && streamId === 0) windowOut += content.readUInt32BE(0);
        else if (type === frameType.windowUpdate) {
          const before = streamOut.get(streamId);
          if (before !== undefined) streamOut.set(streamId, before + content.readUInt32BE(0));
        } else if (type === frameType.resetStream) streamOut.delete(streamId);
        else if (type === frameType.headers && (flags & frameFlag.endStream) !== 0) streamOut.delete(streamId);
        else if (type === frameType.goAway) throw new Error(`GOAWAY: ${content.toString('latin1')}`);
      }
    }
  };
  push(connection, Buffer.concat([preface, bytesOf.settings([setting.initialWindowSize, 2 ** 30])]), chance);
  push(connection, bytesOf.windowUpdate(0, 2 ** 30), chance);
  await listen();
  for (let nextId = 1, step = 0; step < 60; step++) {
    if (streamOut.size < 6 && chance.is(0.4)) {
      streamOut.set(nextId, limits.streamWindowBytes);
      push(connection, bytesOf.headers(nextId, bytesOf.requestBlock('/a/b')), chance);
      nextId += 2;
      counts.frames++;
      counts.answers++;
    } else if (streamOut.size > 0) {
      const [id, streamWindow] = chance.of([...streamOut]);
      const message = Buffer.alloc(chance.below(chance.is(0.2) ? 140_000 : 2000));
      const declared = chance.is(0.1) ? chance.below(300_000) : message.length;
      const messages = Array.from({ length: 1 + chance.below(3) }, () => bytesOf.grpcMessage(message, declared));
      let bytes = Buffer.concat(messages);
      bytes = bytes.subarray(0, Math.min(bytes.length, streamWindow, windowOut, 1 + chance.below(bytes.length * 2)));
      windowOut -= bytes.length;
      streamOut.set(id, streamWindow - bytes.length);
      const frames: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += 16_384) frames.push(bytesOf.data(id, bytes.subarray(at, at + 16_384)));
      if (chance.is(0.3)) frames.push(bytesOf.data(id, Buffer.alloc(0), frameFlag.endStream));
      if (chance.is(0.1)) frames.push(bytesOf.resetStream(id, 8));
      if (frames.length === 0) continue;
      push(connection, Buffer.concat(frames), chance);
      counts.frames += frames.length;
      if (frames.some((one) => one[3] === frameType.resetStream || (one[4] & 1) === 1)) streamOut.delete(id);
    }
    if (chance.is(0.3)) await listen();
  }
  await listen();
  for (const stream of connection.streams.all()) {
    push(connection, bytesOf.resetStream(stream.id, 8), chance);
  }
  await listen();
  expect([connection.streams.size, connection.streams.heldBytes]).toEqual([0, 0]);
  expect(limits.connectionWindowBytes - windowOut, 'window that was not given back').toBeLessThan(140_000 / 4);
  expect(connection.intake.assembledBytes).toBe(0);
  expect(connection.intake.missingBytes).toBe(0);
  connection.lost();
  counts.connections++;
}

/** Runs of one kind, each with a seed of its own that a failure names. */
async function runs(count: number, salt: number, act: (chance: Chance) => void | Promise<void>): Promise<void> {
  const before = { ...counts };
  const startMs = performance.now();
  for (let i = 0; i < count; i++) {
    const runStart = process.cpuUsage();
    try {
      await act(new Chance(seed * 31 + salt * 1_000_003 + i));
    } catch (error) {
      throw new Error(`run ${i} with FUZZ_SEED=${seed}: ${(error as Error).message}`, { cause: error });
    }
    expect(process.cpuUsage(runStart).user / 1000).toBeLessThan(maxMsPerRun);
  }
  const rows = Object.entries(counts).map(([name, value]) => `${value - before[name as keyof typeof before]} ${name}`);
  console.log(`${rows.join(', ')} in ${Math.round(performance.now() - startMs)} ms`);
}

describe(`an HTTP/2 connection (FUZZ_SEED=${seed})`, () => {
  it('survives frames in any order and shape, and leaves nothing behind', async () => {
    await runs(connectionCount, 1, anyConnection);
  });

  it('answers a correct client completely and in order, for any windows', async () => {
    await runs(clientCount, 2, carefulClient);
  });

  it('gets back all memory and windows of gRPC calls', async () => {
    await runs(Math.ceil(connectionCount / 8), 3, anyCalls);
  });
});
