/**
 * Moves an answer in pieces from its source to the socket, no faster than the client reads, and yields to the event
 * loop between pieces.
 */

import type { Clock } from '../time.ts';
import type { AnswerSource } from './answer-source.ts';
import type { AnswerWriter } from './answer-writer.ts';

/** While the socket holds more, no piece is made. Large enough to keep it busy for one turn. */
const lowWaterBytes = 256 * 1024;

/** What is made in one turn of the event loop at most: a fast reader must not keep all others waiting. */
const bytesOfTurn = 1024 * 1024;

export interface PumpListener {
  /** The last piece has been handed to the socket. */
  ended(): void;
  /** The source threw: half an answer has left. */
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

  /** Goes on as far as the socket and this turn allow. */
  run(): void {
    // A source that calls back while it is asked, and a turn that was asked for, find the loop below.
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

  /** The client is gone. */
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
