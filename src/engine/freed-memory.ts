/**
 * Has the memory that opening and closing models frees given back to the system. That takes milliseconds, more the more
 * the process has allocated: after each of a thousand models it would take a third of the time until the server is
 * ready. So it is done once for all models of a moment, and takes at most a tenth of the time.
 */

import type { Clock } from '../time.ts';

/** From the first opening or closing to giving back: others often follow at once. */
export const gatherMs = 100;

/** The pause after giving back is at least so many times as long as it took. */
const pauseFactor = 9;

export class FreedMemory {
  readonly #clock: Clock;
  readonly #giveBack: () => Promise<void>;
  #isDue = false;
  #isArmed = false;
  #earliestMs = 0;

  /** @param giveBack never rejects */
  constructor(clock: Clock, giveBack: () => Promise<void>) {
    this.#clock = clock;
    this.#giveBack = giveBack;
  }

  /** A model was opened or closed, or failed to open. */
  freed(): void {
    this.#isDue = true;
    this.#arm();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    const atMs = Math.max(this.#clock.now() + gatherMs, this.#earliestMs);
    this.#clock.schedule(atMs, () => void this.#run());
  }

  async #run(): Promise<void> {
    this.#isDue = false;
    const startMs = this.#clock.now();
    await this.#giveBack();
    const endMs = this.#clock.now();
    this.#earliestMs = endMs + pauseFactor * (endMs - startMs);
    this.#isArmed = false;
    if (this.#isDue) this.#arm();
  }
}
