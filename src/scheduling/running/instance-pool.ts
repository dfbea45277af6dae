/**
 * The instances of one model version: which are idle, which run a batch, which are being retired. An instance runs one
 * batch at a time and may hold another one behind it. Instances are opened and closed elsewhere.
 */

import type { EngineInstance } from '../../engine/engine.ts';
import type { Batch } from './batch.ts';
import type { Demand, GatePass } from './instance-gate.ts';

export class InstanceSlot {
  readonly engine: EngineInstance;
  /** What runs. */
  batch: Batch | null = null;
  /** What the engine has and runs next. */
  next: Batch | null = null;
  /** Set while it is to leave when its batch is done. */
  whenRetired: (() => void) | null = null;
  /** For the gate; null where there is none. */
  readonly demand: Demand | null;
  /** Leave to run `batch`, where there is a gate. */
  pass: GatePass | null = null;

  constructor(engine: EngineInstance, demand: Demand | null) {
    this.engine = engine;
    this.demand = demand;
  }
}

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

  /** The caller has looked at `hasIdle`. */
  takeIdle(): InstanceSlot {
    return this.#idle.pop() as InstanceSlot;
  }

  /** The first idle one that gets in, or null. */
  takeIdleThat(enters: (instance: InstanceSlot) => boolean): InstanceSlot | null {
    for (let i = this.#idle.length - 1; i >= 0; i--) {
      const instance = this.#idle[i] as InstanceSlot;
      if (!enters(instance)) continue;
      this.#idle.splice(i, 1);
      return instance;
    }
    return null;
  }

  /** Of the busy instances that take a batch ahead and have none, the one that began first; null when there is none. */
  findAhead(): InstanceSlot | null {
    let best: InstanceSlot | null = null;
    for (const instance of this.#all) {
      if (instance.batch === null || instance.next !== null || instance.whenRetired !== null) continue;
      if (!instance.engine.takesAhead) continue;
      if (best === null || instance.batch.startedAtMs < (best.batch as Batch).startedAtMs) best = instance;
    }
    return best;
  }

  /**
   * The batch is done. Returns the one that runs now in its place, if there was one behind it; else the instance is free
   * again, or gone if it was to retire.
   */
  giveBack(instance: InstanceSlot, done: Batch): Batch | null {
    if (instance.next === done) {
      instance.next = null;
      return null;
    }
    instance.batch = instance.next;
    instance.next = null;
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

  /** Resolves when the instance has no batch and gets none; at once when it is unknown here. */
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

  /** The batches that instances have, running ones before those that wait behind them. */
  heldBatches(): readonly Batch[] {
    const held = this.#all.flatMap(({ batch, next }) => [batch, next]);
    return held.filter((batch) => batch !== null);
  }
}
