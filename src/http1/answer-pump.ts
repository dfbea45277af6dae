/**
 * Moves an answer in pieces from its source to the socket, no faster than the client reads, and yields to the event
 * loop between pieces.
 */

import type { Clock } from '../time.ts';
import type { AnswerSource } from './answer-source.ts';
import type { AnswerWriter } from './answer-writer.ts';

/** The low-water mark: no piece is made while the socket holds more. Large enough to keep it busy for one turn. */
const lowWaterBytes = 256 * 1024;

/** The most bytes that are made in one turn of the event loop: a fast reader must not delay all others. */
const bytesOfTurn = 1024 * 1024;

interface PumpListener {
  /** The last piece has been handed to the socket. */
  ended(): void;
  /** The source threw after a part of the answer was sent. */
  failed(error: unknown): void;
}

export class AnswerPump {
  readonly #source: AnswerSource;
  readonly #writer: AnswerWriter;
  readonly #clock: Pick<Clock, 'soon'>;
  readonly #isChunked: boolean;
  readonly #listener: PumpListener;
  #isRunning = false;
  #isAgainDue = false;
  #isOver = false;

  constructor(
    source: AnswerSource,
    writer: AnswerWriter,
    clock: Pick<Clock, 'soon'>,
    isChunked: boolean,
    listener: PumpListener,
  ) {
    this.#source = source;
    this.#writer = writer;
    this.#clock = clock;
    this.#isChunked = isChunked;
    this.#listener = listener;
  }

  /** Writes pieces as far as the socket and this turn allow. */
  run(): void {
    // A source that calls back from `next`, and a scheduled turn, are handled by the loop below.
    if (this.#isRunning || this.#isAgainDue || this.#isOver) return;
    this.#isRunning = true;
    try {
      this.#move();
    } catch (error) {
      this.#isOver = true;
      this.#listener.failed(error);
      return;
    } finally {
      this.#isRunning = false;
    }
    if (this.#isOver) this.#listener.ended();
  }

  /** The client has left. */
  stop(): void {
    this.#isOver = true;
  }

  #move(): void {
    const { output } = this.#writer;
    let left = bytesOfTurn;
    while (output.unsentBytes <= lowWaterBytes) {
      if (left <= 0) {
        this.#again();
        return;
      }
      const piece = this.#source.next();
      if (piece === 'later') return;
      if (piece === 'end') {
        if (this.#isChunked) this.#writer.lastChunk();
        this.#isOver = true;
        return;
      }
      // A chunk of no bytes would be the end of the body.
      if (piece.length === 0) continue;
      this.#writer.piece(piece, this.#isChunked);
      output.flush();
      left -= piece.length;
    }
  }

  #again(): void {
    this.#isAgainDue = true;
    this.#clock.soon(() => {
      this.#isAgainDue = false;
      this.run();
    });
  }
}
