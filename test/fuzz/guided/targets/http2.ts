/**
 * A connection of HTTP/2 that a script drives: frames right and wrong, what the handler does meanwhile, time, a slow socket.
 * Two plays of the same script, the second cut into small reads, must tell the same. See http2-script.ts for the script.
 */

import { defaultLimits } from '../../../../src/http2/limits.ts';
import { Http2Connection } from '../../../../src/http2/connection.ts';
import type { Http2Stream } from '../../../../src/http2/stream.ts';
import { ChunkPool } from '../../../../src/sockets/chunk-pool.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { frameType, preface, settings } from '../../../http2/frame-bytes.ts';
import { told } from '../../../http2/scene.ts';
import { SentFrames } from '../../../http2/sent-frames.ts';
import { HeldReadTurn } from '../../../sockets/held-read-turn.ts';
import { HeldTurn } from '../../../sockets/held-turn.ts';
import { MemorySocket } from '../../../sockets/memory-socket.ts';
import { type FuzzTarget, must, mustBeSame } from '../target.ts';
import { ScriptedAnswer } from './http2-answer.ts';
import { changedScript, type Step, scriptSeeds, scriptWords, stepsOf, type WindowChange } from './http2-script.ts';

/** Small, so that scripts get beyond them. */
const limits = {
  ...defaultLimits,
  maxConcurrentStreams: 6,
  streamWindowBytes: 66_000,
  connectionWindowBytes: 100_000,
  maxHeaderListBytes: 400,
  maxHeaderBlockBytes: 700,
  maxContinuations: 4,
  maxHeldBytes: 60_000,
  maxUnsentBytes: 8000,
  idleFrameBurst: 12,
  idleFramesPerSecond: 2,
  resetBurst: 5,
  resetsPerSecond: 1,
  keepaliveTimeMs: 60_000,
};

/** More than any step has. */
const largestPieceBytes = 1 << 16;
const longStepBytes = 1000;
/** Read into again and again, as a server does. */
const readBuffer = Buffer.alloc(largestPieceBytes);

const defaultWindow = 65_535;

/** The most that we may send. Of several initial sizes the largest counts, so that this can be too much and never too little. */
class OpenWindows {
  readonly #opened = new Map<number, number>([[0, defaultWindow]]);
  readonly #used = new Map<number, number>();
  #initial = defaultWindow;

  open(change: WindowChange): void {
    if (change.kind === 'anything') this.#initial = Number.POSITIVE_INFINITY;
    else if (change.kind === 'initial') this.#initial = Math.max(this.#initial, change.bytes);
    else if (change.kind === 'update') {
      this.#opened.set(change.streamId, (this.#opened.get(change.streamId) ?? 0) + change.bytes);
    }
  }

  use(streamId: number, bytes: number): void {
    for (const id of [0, streamId]) {
      const used = (this.#used.get(id) ?? 0) + bytes;
      this.#used.set(id, used);
      const initial = id === 0 && Number.isFinite(this.#initial) ? 0 : this.#initial;
      must(
        used <= initial + (this.#opened.get(id) ?? 0),
        id === 0 ? 'more than the connection takes' : 'more than a stream takes',
      );
    }
  }
}

class Play {
  readonly #socket = new MemorySocket();
  readonly #turn = new HeldTurn();
  readonly #clock = new FakeClock();
  readonly #sent = new SentFrames();
  readonly #answers: ScriptedAnswer[] = [];
  readonly #connection: Http2Connection;
  readonly #pieceBytes: number;
  readonly #told: string[] = [];
  #unexpected: unknown = null;
  #seen = 0;
  readonly #windows = new OpenWindows();

  constructor(pieceBytes: number, answersAtOnce: boolean) {
    this.#pieceBytes = pieceBytes;
    this.#sent.maxFrameBytes = 2 ** 24;
    const handler = {
      onUnexpected: (error: unknown) => {
        this.#unexpected ??= error;
      },
      onRequest: (stream: Http2Stream) => {
        const answer = new ScriptedAnswer(stream, answersAtOnce);
        this.#answers.push(answer);
        stream.receiver = answer;
      },
    };
    const [clock, turn, pool] = [this.#clock, this.#turn, new ChunkPool()];
    const readTurn = new HeldReadTurn(clock);
    this.#connection = new Http2Connection(this.#socket, { handler, limits, clock, pool, turn, readTurn });
  }

  receive(bytes: Buffer): void {
    // A step of many bytes that are all the same is not cut into thousands.
    const pieceBytes = bytes.length < longStepBytes ? this.#pieceBytes : this.#pieceBytes * 100;
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + pieceBytes);
      bytes.copy(readBuffer, 0, at, end);
      this.#connection.receive(readBuffer, 0, end - at);
      readBuffer.fill(0xee, 0, end - at);
      at = end;
      if (this.#unexpected !== null) throw this.#unexpected;
    }
  }

  step(step: Step): void {
    switch (step.kind) {
      case 'act':
        if (this.#answers.length > 0) this.#answers[step.which % this.#answers.length].act(step.how, step.amount);
        return;
      case 'wait':
        for (let i = 0; i < step.seconds; i++) {
          this.#clock.advance(1000);
          this.#connection.tick(this.#clock.now());
          this.#turn.end();
        }
        return;
      case 'socket':
        this.#socket.isSlow = step.isSlow;
        if (!step.isSlow) this.#socket.takeAll();
        return;
      case 'leave':
        this.#connection.lifecycle.goAway(this.#clock.now());
        return;
      case 'bytes':
        this.#windows.open(step.opens);
        this.receive(step.bytes);
        return;
      default:
        this.#listen();
    }
  }

  /** The events that handlers saw, without window updates: when one is worth a frame depends on how content came. */
  end(): string[] {
    this.#listen();
    this.#socket.isSlow = false;
    this.#socket.takeAll();
    this.#listen();
    const { streams, intake } = this.#connection;
    if (!this.#socket.destroyed) must(this.#sent.restBytes === 0, 'a frame that is cut off');
    this.#connection.lost();
    for (const answer of this.#answers) answer.giveUp();
    this.#turn.end();
    must(streams.size === 0 && streams.heldBytes === 0, 'something is left of streams');
    must(streams.all().length === 0, 'a stream is left');
    must(intake.assembledBytes === 0, 'assembled bytes are left');
    must(intake.missingBytes === 0, 'bytes are still waited for');
    if (this.#unexpected !== null) throw this.#unexpected;
    return [...this.#told, ...this.#answers.map((answer) => answer.told)];
  }

  #listen(): void {
    this.#turn.end();
    for (; this.#seen < this.#socket.writes.length; this.#seen++) {
      for (const frame of this.#sent.read(this.#socket.writes[this.#seen])) {
        if (frame.type === frameType.data) this.#windows.use(frame.streamId, frame.content.length);
        if (frame.type !== frameType.windowUpdate) this.#told.push(told(frame));
      }
    }
  }
}

function play(steps: readonly Step[], flags: number, pieceBytes: number): string[] {
  const one = new Play(pieceBytes, (flags & 1) !== 0);
  one.receive((flags & 2) === 0 ? Buffer.concat([preface, settings()]) : preface);
  for (const step of steps) one.step(step);
  return one.end();
}

function run(input: Buffer): void {
  if (input.length === 0) return;
  const steps = stepsOf(input.subarray(1));
  const whole = play(steps, input[0], largestPieceBytes);
  // How far a window has opened again depends on the pieces in which content came; who keeps to it does not notice.
  const bytes = steps.reduce((sum, step) => sum + (step.kind === 'bytes' ? step.bytes.length : 0), 0);
  if ((input[0] & 4) === 0 || bytes > limits.connectionWindowBytes) return;
  mustBeSame(play(steps, input[0], 1 + (input[0] >> 3)), whole, 'cut in another way');
}

export const target: FuzzTarget = {
  seeds: scriptSeeds(),
  words: scriptWords,
  maxBytes: 2048,
  change: changedScript,
  run,
};
