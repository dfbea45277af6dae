/**
 * gRPC calls, unary and streamed, on a connection that a script drives (http2-script.ts). When all is over nothing is counted
 * as open or assembled any more, and the window of the connection has come back.
 */

import { CallHead, timeoutMs } from '../../../../src/frontends/grpc/transport/http2/call-head.ts';
import { Http2StreamCall } from '../../../../src/frontends/grpc/transport/http2/stream-call.ts';
import { Http2UnaryCall } from '../../../../src/frontends/grpc/transport/http2/unary-call.ts';
import { OpenCalls } from '../../../../src/frontends/grpc/transport/open-calls.ts';
import type { StreamCall } from '../../../../src/frontends/grpc/transport/transport.ts';
import { MessagePool } from '../../../../src/frontends/message-pool.ts';
import { Http2Connection } from '../../../../src/http2/connection.ts';
import type { HeaderField } from '../../../../src/http2/header-field.ts';
import { defaultLimits } from '../../../../src/http2/limits.ts';
import type { Http2Stream } from '../../../../src/http2/stream.ts';
import { ChunkPool } from '../../../../src/sockets/chunk-pool.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import * as bytesOf from '../../../http2/frame-bytes.ts';
import { frameFlag, frameType, preface } from '../../../http2/frame-bytes.ts';
import { type SentFrame, SentFrames } from '../../../http2/sent-frames.ts';
import { HeldReadTurn } from '../../../sockets/held-read-turn.ts';
import { HeldTurn } from '../../../sockets/held-turn.ts';
import { MemorySocket } from '../../../sockets/memory-socket.ts';
import { type FuzzTarget, must } from '../target.ts';
import { changedScript, filler, scriptSeeds, scriptWords, type Step, stepOfFrame, stepsOf } from './http2-script.ts';
import { promised } from '../../../fakes/promised-method.ts';

const limits = {
  ...defaultLimits,
  streamWindowBytes: 66_000,
  connectionWindowBytes: 66_000,
  maxAssembledBytes: 150_000,
};
const cancel = 8;

type Surroundings = ConstructorParameters<typeof Http2UnaryCall>[5];
const config = { maxMessageBytes: 150_000, responseCompressionLevel: 'none' } as unknown as Surroundings['config'];
const logger = { error: () => undefined } as unknown as Surroundings['logger'];

class Play {
  readonly #socket = new MemorySocket();
  readonly #turn = new HeldTurn();
  readonly #clock = new FakeClock();
  readonly #sent = new SentFrames();
  readonly #head = new CallHead();
  readonly #streamed: StreamCall[] = [];
  readonly #calls = new OpenCalls();
  readonly #surroundings: Surroundings;
  readonly #connection: Http2Connection;
  #unexpected: unknown = null;
  #seen = 0;
  /** Content that came, less what was given back. */
  #used = 0;

  constructor() {
    const [clock, turn, pool] = [this.#clock, this.#turn, new ChunkPool()];
    this.#surroundings = { clock, logger, config, calls: this.#calls, pool: new MessagePool() };
    const handler = {
      onUnexpected: (error: unknown) => {
        this.#unexpected ??= error;
      },
      onRequest: (stream: Http2Stream, fields: readonly HeaderField[]) => this.#open(stream, fields),
    };
    const readTurn = new HeldReadTurn(clock);
    this.#connection = new Http2Connection(this.#socket, { handler, limits, clock, pool, turn, readTurn });
  }

  #open(stream: Http2Stream, fields: readonly HeaderField[]): void {
    this.#head.read(fields);
    const timeout = this.#head.timeout === '' ? Number.POSITIVE_INFINITY : timeoutMs(this.#head.timeout);
    const shared = [fields, this.#head, timeout, this.#surroundings] as const;
    const method = { path: '/a/b', isCompressible: true } as const;
    if ((stream.id & 2) === 0) {
      const handle = async (message: Buffer) => {
        if (message[0] === 0x21) throw new Error('as it happens');
        return Buffer.from(message.subarray(0, 100));
      };
      stream.receiver = new Http2UnaryCall(stream, { kind: 'unary', ...method, handle: promised(handle) }, ...shared);
      return;
    }
    const open = (one: StreamCall) => {
      this.#streamed.push(one);
      return {
        onMessage: (message: Buffer) => {
          one.send(Buffer.from(message.subarray(0, 50)), null);
          if (message[0] !== 0x21) one.read();
        },
        onHalfClose: () => one.finish({ code: 0, message: '' }),
        onDrain: () => one.finish({ code: 14, message: 'leaving' }),
      };
    };
    const call = new Http2StreamCall(stream, { kind: 'stream', ...method, open }, ...shared);
    stream.receiver = call;
    call.open();
  }

  step(step: Step): void {
    switch (step.kind) {
      case 'act':
        if (this.#streamed.length > 0) act(this.#streamed[step.which % this.#streamed.length], step.how);
        return;
      case 'wait':
        this.#clock.advance(step.seconds * 1000);
        this.#connection.tick(this.#clock.now());
        for (const { receiver } of this.#connection.streams.all()) {
          if (receiver instanceof Http2UnaryCall || receiver instanceof Http2StreamCall)
            receiver.checkDeadline(this.#clock.now());
        }
        return;
      case 'socket':
        this.#socket.isSlow = step.isSlow;
        if (!step.isSlow) this.#socket.takeAll();
        return;
      case 'leave':
        void this.#calls.drain();
        return;
      case 'bytes':
        this.receive(step.bytes);
        return;
      default:
        this.#listen();
    }
  }

  receive(bytes: Buffer): void {
    if (this.#connection.lifecycle.isFailed) return;
    if (bytes[3] === frameType.data) this.#used += bytes.length - bytesOf.frameHeadBytes;
    const piece = Buffer.from(bytes);
    this.#connection.receive(piece, 0, piece.length);
    piece.fill(0xee);
  }

  async end(): Promise<void> {
    this.#socket.isSlow = false;
    this.#socket.takeAll();
    await this.#settle();
    for (const { id } of this.#connection.streams.all()) this.receive(bytesOf.resetStream(id, cancel));
    await this.#settle();
    const { streams, intake, lifecycle } = this.#connection;
    if (!lifecycle.isFailed && !this.#socket.destroyed) {
      must(this.#used <= limits.connectionWindowBytes / 4, 'the window of the connection has not come back');
    }
    this.#connection.lost();
    await this.#settle();
    must(streams.size === 0 && streams.heldBytes === 0, 'something is left of streams');
    must(intake.assembledBytes === 0, 'assembled bytes are left');
    must(intake.missingBytes === 0, 'bytes are still waited for');
    must(this.#calls.count === 0, 'calls are left');
    if (this.#unexpected !== null) throw this.#unexpected;
  }

  /** Methods answer in microtasks. */
  async #settle(): Promise<void> {
    await new Promise(process.nextTick);
    this.#listen();
  }

  #listen(): void {
    this.#turn.end();
    for (; this.#seen < this.#socket.writes.length; this.#seen++) {
      for (const frame of this.#sent.read(this.#socket.writes[this.#seen])) this.#heard(frame);
    }
  }

  #heard({ type, flags, streamId, content, fields }: SentFrame): void {
    if (type === frameType.windowUpdate && streamId === 0) this.#used -= content.readUInt32BE(0);
    if (type !== frameType.headers || (flags & frameFlag.endStream) === 0) return;
    const isTold = fields.some((field) => field.startsWith('grpc-status: ') || field === ':status: 431');
    must(isTold, 'an answer without a status');
  }
}

function act(call: StreamCall, how: number): void {
  if (how % 3 === 0) call.read();
  else if (how % 3 === 1) call.send(Buffer.alloc(how * 40, 5), null);
  else call.finish({ code: 0, message: '' });
}

async function run(input: Buffer): Promise<void> {
  if (input.length === 0) return;
  const steps = stepsOf(input.subarray(1));
  // Of bytes that are no frame it is not known how much content they are.
  if (steps.some((step) => step.kind === 'bytes' && step.opens.kind === 'anything')) return;
  const play = new Play();
  // The window of the connection beyond what it is by default is opened by the greeting.
  play.receive(preface);
  play.receive(bytesOf.settings());
  for (const step of steps) {
    play.step(step);
    if (step.kind === 'turn') await new Promise(process.nextTick);
  }
  await play.end();
}

const message = (text: string): Buffer => bytesOf.grpcMessage(Buffer.from(text));
const timed = bytesOf.requestBlock('/a/b', bytesOf.field('grpc-timeout', '2S'));
const parts: readonly Buffer[] = [
  ...[1, 3].flatMap((id) => [
    bytesOf.headers(id, timed),
    bytesOf.data(id, message('hello'), frameFlag.endStream),
    bytesOf.data(id, Buffer.concat([message('a'), message('!b'), message('')])),
    bytesOf.data(id, message('hello').subarray(0, 3)),
    bytesOf.data(id, bytesOf.grpcMessage(Buffer.alloc(0), 15_995)),
    bytesOf.data(id, bytesOf.grpcMessage(Buffer.alloc(0), 60_000)),
    bytesOf.data(id, bytesOf.grpcMessage(Buffer.alloc(0), 66_000)),
    bytesOf.data(id, bytesOf.grpcMessage(Buffer.alloc(0), 200_000)),
    bytesOf.data(id, Buffer.concat([Buffer.of(1), message('x').subarray(1)]), frameFlag.endStream),
  ]),
].map(stepOfFrame);

/** A message in frames of 16 KB: one that counts as large and has a block of the pool, or just too small for that. */
const messageInFrames = (id: number, bytes: number): Buffer[] => [
  stepOfFrame(bytesOf.headers(id, bytesOf.requestBlock('/a/b'))),
  stepOfFrame(bytesOf.data(id, bytesOf.grpcMessage(Buffer.alloc(0), bytes))),
  ...[8, 8, 8, 8].map((times) => filler(frameType.data, 0, id, times)),
  filler(frameType.data, frameFlag.endStream, id, 1),
];

export const target: FuzzTarget = {
  seeds: [
    ...scriptSeeds(),
    ...[1, 3].flatMap((id) => {
      const cutOff = messageInFrames(id, 60_000).slice(0, 4);
      return [messageInFrames(id, 66_000), cutOff].map((steps) =>
        Buffer.concat([Buffer.of(0), ...steps, Buffer.of(14)]),
      );
    }),
    ...parts.map((part, i) =>
      Buffer.concat([
        Buffer.of(0),
        parts[0],
        parts[parts.length / 2],
        part,
        parts[(i * 5) % parts.length],
        Buffer.of(14),
      ]),
    ),
  ],
  words: [...scriptWords, ...parts],
  maxBytes: 2048,
  change: changedScript,
  run,
};
