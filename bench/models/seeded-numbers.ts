/** Reproducible numbers for weights and inputs. */

/** A source of FP32 values spread evenly in [-scale, scale); the same seed gives the same values (mulberry32). */
export function seededNumbers(seed: number): (count: number, scale: number) => Float32Array {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return (count, scale) => Float32Array.from({ length: count }, () => (next() * 2 - 1) * scale);
}
