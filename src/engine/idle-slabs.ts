/**
 * Returns the slabs of idle instances to the system. The addon's pools drop a slab only when later batches do not need
 * it; an instance without later batches would keep up to 256 MiB in each direction. One timer serves all instances of
 * an engine; it is off while no instance has slabs to return.
 */

import type { Clock } from '../time.ts';

/** A slab that no batch used for this long (at most twice as long) is returned. */
export const idleSlabMs = 10_000;

/** An instance, as the owner of slabs. */
export interface SlabOwner {
  /** Drops the slabs that were not used since the last call, and returns how many are left. */
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

  /** The owner is closed, with its slabs. */
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
