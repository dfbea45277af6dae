/**
 * The inputs that are worth something: for each thing that was ever seen to happen, the shortest input that makes it happen.
 * A thing is a counter and how often it counted, in eight steps.
 */

import type { Chance } from './chance.ts';

export interface Entry {
  readonly bytes: Buffer;
  readonly features: Int32Array;
  /** Features of which it is the shortest. */
  owned: number;
  /** How often it was changed into others. */
  chosen: number;
}

/** The step of a count: 1, 2, 3, up to 7, 15, 31, 127, more. */
const steps = Uint8Array.from({ length: 256 }, (_, count) =>
  count <= 3 ? count - 1 : count <= 7 ? 3 : count <= 15 ? 4 : count <= 31 ? 5 : count <= 127 ? 6 : 7,
);

const scratch = new Int32Array(1 << 17);

/** The features of a run; the counters are zero afterwards. */
export function takeFeatures(hits: Uint8ClampedArray, count: number): Int32Array {
  let length = 0;
  for (let i = 0; i < count; i++) {
    const hit = hits[i];
    if (hit !== 0) scratch[length++] = i * 8 + steps[hit];
  }
  hits.fill(0, 0, count);
  return scratch.slice(0, length);
}

export class Corpus {
  readonly #chance: Chance;
  readonly #owners = new Map<number, Entry>();
  #entries: Entry[] = [];
  /** Counters that have counted. */
  readonly #reached = new Set<number>();

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  get reachedCount(): number {
    return this.#reached.size;
  }

  hasReached(counter: number): boolean {
    return this.#reached.has(counter);
  }

  get featureCount(): number {
    return this.#owners.size;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** Keeps an input that makes something happen that no other did, or no shorter one. Returns whether it is something new. */
  add(bytes: Buffer, features: Int32Array): boolean {
    let isNew = false;
    let entry: Entry | null = null;
    let lost = false;
    for (const feature of features) {
      const owner = this.#owners.get(feature);
      if (owner !== undefined && owner.bytes.length <= bytes.length) continue;
      entry ??= { bytes: Buffer.from(bytes), features, owned: 0, chosen: 0 };
      if (owner === undefined) {
        isNew = true;
        this.#reached.add(feature >> 3);
      } else if (--owner.owned === 0) lost = true;
      entry.owned++;
      this.#owners.set(feature, entry);
    }
    if (entry !== null) this.#entries.push(entry);
    if (lost) this.#entries = this.#entries.filter(({ owned }) => owned > 0);
    return isNew;
  }

  /** One of them: of two by chance the one that was chosen less often for what it has, the late ones more often. */
  choose(): Entry {
    const one = this.#any();
    const other = this.#any();
    const entry = one.chosen / (1 + one.owned) <= other.chosen / (1 + other.owned) ? one : other;
    entry.chosen++;
    return entry;
  }

  #any(): Entry {
    const { length } = this.#entries;
    const late = this.#chance.oneIn(3) ? Math.max(0, length - 20) : 0;
    return this.#entries[late + this.#chance.below(length - late)];
  }

  /** A few of at most `maxBytes`: the shortest that reach what all reach, then those that reach it another number of times. */
  distilled(maxBytes: number): Buffer[] {
    const entries = [...this.#entries].sort((a, b) => a.bytes.length - b.bytes.length);
    const seen = new Set<number>();
    const kept = new Set<Entry>();
    let bytes = 0;
    for (const isOnlyReached of [true, false]) {
      for (const entry of entries) {
        const things = isOnlyReached ? entry.features.map((feature) => -1 - (feature >> 3)) : entry.features;
        if (bytes + entry.bytes.length > maxBytes || things.every((thing) => seen.has(thing))) continue;
        for (const feature of entry.features) seen.add(feature).add(-1 - (feature >> 3));
        bytes += entry.bytes.length;
        kept.add(entry);
      }
    }
    return [...kept].map((entry) => entry.bytes);
  }
}
