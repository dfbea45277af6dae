/**
 * A JSON answer that is made while it is sent: one piece for each slice of the thread, and none before the client has
 * taken the pieces before it.
 */

import type { AnswerSource } from '../../../http1/answer-source.ts';
import type { SliceQueue } from '../../slice-queue.ts';
import type { InferAnswer } from './response-codec.ts';

/** What the slices of a JSON answer do. */
export const writingWork = 'the writing of a JSON answer';

export class SlicedAnswer implements AnswerSource {
  readonly done: () => void;
  readonly #answer: InferAnswer;
  readonly #slices: SliceQueue;
  readonly #continue: () => void;
  /** This is a slice whose piece was not made yet. */
  #isSlice = false;
  #isWaiting = false;

  /**
   * @param resume  Asks for the next piece again; does nothing when the client has left.
   * @param release Called when the outputs are no longer read, and once more when the answer has ended.
   */
  constructor(answer: InferAnswer, slices: SliceQueue, resume: () => void, release: () => void) {
    this.#answer = answer;
    this.#slices = slices;
    this.#continue = resume;
    this.done = release;
  }

  next(): Uint8Array | 'later' | 'end' {
    const answer = this.#answer;
    if (!answer.isMade) {
      const piece = this.#isSlice ? answer.piece() : null;
      this.#isSlice = false;
      if (piece !== null) return piece;
      this.#wait();
      return 'later';
    }
    this.done();
    return 'end';
  }

  /** A slice that a slow client leaves unused is not kept: many clients would use theirs in the same turn. */
  #wait(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#slices.add(writingWork, () => {
      this.#isWaiting = false;
      this.#isSlice = true;
      this.#continue();
      this.#isSlice = false;
    });
  }
}
