/** Numbers by chance that are the same for the same seed. */

export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** 32 bits, by xorshift. */
  bits(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return this.#state;
  }

  /** From 0 to below `count`. */
  below(count: number): number {
    return this.bits() % count;
  }

  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }

  /** Mostly small, up to `most`: of each power of two as often as of any other. */
  length(most: number): number {
    const bits = this.below(Math.floor(Math.log2(most)) + 1);
    return Math.min(most, 1 + this.below(2 << bits));
  }
}
