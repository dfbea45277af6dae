/**
 * Makes sockets take turns, so that no peer holds the event loop, whatever it sends.
 *
 * A turn of the event loop has so much time for received bytes, and a socket has a share of it: the part that waiting
 * sockets leave. A socket whose share is over goes on in a later turn, behind those that wait already. Usual reads are
 * over long before, and cost two looks at the clock.
 *
 * Time decides, not bytes or frames, because these say little about the work: 256 KiB may be a part of a tensor, or
 * nine thousand calls.
 */

import type { Clock } from '../time.ts';

/** The time for sockets that wait, and as much for sockets that have become readable: the turn may take both. */
export const turnMs = 12;

/**
 * Reads of so few bytes are taken for longer, by so many milliseconds: one of few requests does not wait behind
 * hundreds of sockets that always have more. A share bounds them too.
 */
export const smallReadBytes = 4096;
export const smallReadMs = 36;

/** The bounds of a share. The largest leaves room for others that become readable, the least for some calls. */
export const mostShareMs = 6;
export const leastShareMs = 0.25;

/**
 * The time of a turn is counted once reads have taken so long, in this turn or in several: counting needs a callback at
 * the end of the turn, which light reads need not pay.
 */
export const lightMs = 1;

/** Frames or requests between two looks at the clock. */
export const stepsPerLook = 8;

/** Entries of the queue that are kept although their turn is past. */
const mostDone = 1024;

/** The reading of a socket, which has to wait. */
export interface TurnTaker {
  takeTurn(): void;
}

export class ReadTurn {
  readonly #clock: Pick<Clock, 'now'>;
  /** Those that wait, from `#next` on. */
  #waiting: TurnTaker[] = [];
  #next = 0;
  #isArmed = false;
  /** When readable sockets have used their time of this turn; 0 until one of them has taken notable time. */
  #turnEndMs = 0;
  #begunMs = 0;
  /** What reads have taken since a turn was counted last. */
  #uncountedMs = 0;
  #shareEndMs = 0;
  #isShareOver = false;
  #steps = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** Whether the share that began last is over, as it was seen when somebody asked. */
  get isShareOver(): boolean {
    return this.#isShareOver;
  }

  /**
   * A socket with so many bytes begins its share. False when the turn is over: then nothing is done with them now, and it
   * waits.
   */
  begin(bytes: number): boolean {
    const nowMs = this.#clock.now();
    const share = turnMs / (this.#waiting.length - this.#next + 1);
    this.#begunMs = nowMs;
    this.#shareEndMs = nowMs + (share > mostShareMs ? mostShareMs : Math.max(leastShareMs, share));
    this.#steps = 0;
    const endMs = bytes > smallReadBytes ? this.#turnEndMs : this.#turnEndMs + smallReadMs;
    this.#isShareOver = this.#turnEndMs > 0 && nowMs >= endMs;
    return !this.#isShareOver;
  }

  /** Asked after each step of the work, a frame or a request: whether the share is over. */
  isOver(): boolean {
    if (this.#isShareOver) return true;
    if (++this.#steps < stepsPerLook) return false;
    this.#steps = 0;
    this.#isShareOver = this.#clock.now() >= this.#shareEndMs;
    return this.#isShareOver;
  }

  /** The socket that has begun ends its work. */
  end(): void {
    const nowMs = this.#clock.now();
    this.#isShareOver ||= nowMs >= this.#shareEndMs;
    if (this.#turnEndMs > 0) return;
    this.#uncountedMs += nowMs - this.#begunMs;
    if (this.#uncountedMs < lightMs) return;
    this.#turnEndMs = this.#begunMs + turnMs;
    this.#arm();
  }

  /** Lets it go on in a later turn. */
  wait(taker: TurnTaker): void {
    this.#waiting.push(taker);
    this.#arm();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.atEnd(this.#nextTurn);
  }

  /** Calls back when the sockets that were ready have been read, and before the kernel is asked which are. */
  protected atEnd(callback: () => void): void {
    setImmediate(callback);
  }

  readonly #nextTurn = (): void => {
    this.#isArmed = false;
    this.#turnEndMs = 0;
    this.#uncountedMs = 0;
    const endMs = this.#clock.now() + turnMs;
    for (let left = this.#waiting.length - this.#next; left > 0; left--) {
      (this.#waiting[this.#next++] as TurnTaker).takeTurn();
      if (this.#clock.now() >= endMs) break;
    }
    this.#turnEndMs = 0;
    if (this.#next === this.#waiting.length || this.#next > mostDone) {
      this.#waiting = this.#waiting.slice(this.#next);
      this.#next = 0;
    }
    if (this.#waiting.length > 0) this.#arm();
  };
}
