/**
 * Gives back the slabs of instances that have become idle. The addon's pools drop what later batches pass by; an instance
 * without later batches would keep up to 256 MiB for each direction. One timer for all instances of an engine, which rests
 * while none has anything to give back.
 */

import type { Clock } from '../time.ts';

/** A slab that no batch used for this long, or for twice as long at most, is given back. */
export const idleSlabMs = 10_000;

/** Whose slabs they are. */
export interface SlabOwner {
  /** Drops the slabs that were not used since the last call, and says how many are left. */
  trimSlabs(): number;
}

export class IdleSlabs {
  readonly #clock: Clock;
  readonly #owners = new Set<SlabOwner>();
  #isArmed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The owner has slabs from now on. */
  add(owner: SlabOwner): void {
    this.#owners.add(owner);
    this.#arm();
  }

  /** The owner has gone, with its slabs. */
  remove(owner: SlabOwner): void {
    this.#owners.delete(owner);
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#clock.schedule(this.#clock.now() + idleSlabMs, () => this.#trim());
  }

  #trim(): void {
    this.#isArmed = false;
    for (const owner of this.#owners) if (owner.trimSlabs() === 0) this.#owners.delete(owner);
    if (this.#owners.size > 0) this.#arm();
  }
}
