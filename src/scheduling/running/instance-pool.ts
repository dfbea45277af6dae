/**
 * The instances of one model version: which are idle, which run a batch, which are being retired. An instance runs one
 * batch at a time and may prefetch another one. Instances are opened and closed elsewhere.
 */

import type { EngineInstance } from '../../engine/engine.ts';
import { type Batch, InstanceSlot } from './batch.ts';
import type { Demand } from './instance-gate.ts';

/**
 * Free instances are taken most recently used first: its thread, caches and slabs are warm, and at low load the others
 * stay asleep.
 */
export class InstancePool {
  readonly #all: InstanceSlot[] = [];
  readonly #idle: InstanceSlot[] = [];

  get hasIdle(): boolean {
    return this.#idle.length > 0;
  }

  get busyCount(): number {
    return this.#all.length - this.#idle.length;
  }

  /** Joins at the cold end. */
  add(engine: EngineInstance, demand: Demand | null): void {
    const instance = new InstanceSlot(engine, demand);
    this.#all.push(instance);
    this.#idle.unshift(instance);
  }

  /** Only while `hasIdle`. */
  takeIdle(): InstanceSlot {
    return this.#idle.pop() as InstanceSlot;
  }

  /** The first idle one for which `enters` returns true, or null. */
  takeIdleThat(enters: (instance: InstanceSlot) => boolean): InstanceSlot | null {
    for (let i = this.#idle.length - 1; i >= 0; i--) {
      const instance = this.#idle[i] as InstanceSlot;
      if (!enters(instance)) continue;
      this.#idle.splice(i, 1);
      return instance;
    }
    return null;
  }

  /** Among the busy instances that can prefetch a batch and have none, the one whose batch began first; or null. */
  findForPrefetch(): InstanceSlot | null {
    let best: InstanceSlot | null = null;
    for (const instance of this.#all) {
      if (instance.batch === null || instance.prefetched !== null || instance.whenRetired !== null) continue;
      if (!instance.engine.canPrefetch) continue;
      if (best === null || instance.batch.startedAtMs < (best.batch as Batch).startedAtMs) best = instance;
    }
    return best;
  }

  /**
   * The batch has ended. Returns the prefetched batch of the instance, which runs now, if there was one; else the instance
   * is idle again, or removed if it was to be retired.
   */
  giveBack(instance: InstanceSlot, done: Batch): Batch | null {
    if (instance.prefetched === done) {
      instance.prefetched = null;
      return null;
    }
    instance.batch = instance.prefetched;
    instance.prefetched = null;
    if (instance.batch === null) this.#free(instance);
    return instance.batch;
  }

  #free(instance: InstanceSlot): void {
    if (instance.whenRetired === null) {
      this.#idle.push(instance);
    } else {
      this.#all.splice(this.#all.indexOf(instance), 1);
      instance.whenRetired();
    }
  }

  /** Resolves when the instance has no batch and will get none; at once for an unknown instance. */
  retire(engine: EngineInstance): Promise<void> {
    const instance = this.#all.find((candidate) => candidate.engine === engine);
    if (instance === undefined) return Promise.resolve();
    const idleAt = this.#idle.indexOf(instance);
    if (idleAt >= 0) {
      this.#idle.splice(idleAt, 1);
      this.#all.splice(this.#all.indexOf(instance), 1);
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const earlier = instance.whenRetired;
      instance.whenRetired = () => {
        earlier?.();
        resolve();
      };
    });
  }

  /** The batches of all instances, running ones before prefetched ones. */
  heldBatches(): readonly Batch[] {
    const held = this.#all.flatMap(({ batch, prefetched }) => [batch, prefetched]);
    return held.filter((batch) => batch !== null);
  }
}
