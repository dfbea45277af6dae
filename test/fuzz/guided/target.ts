/** A fuzz target: a function that reads bytes, and the rules that it must not break. */

import type { Chance } from './chance.ts';

export interface FuzzTarget {
  /** Inputs to begin with: the better they are, the deeper the search begins. */
  readonly seeds: readonly Uint8Array[];
  /** Pieces that mean something to what reads the input. */
  readonly words: readonly (string | Uint8Array)[];
  /** Longer inputs are not tried. */
  readonly maxBytes: number;
  /** A change that knows the format, tried as often as all others together. Returns null where it knows none. */
  readonly change?: (bytes: Buffer, other: Buffer, chance: Chance) => Buffer | null;
  /** Throws, or rejects, for anything that must not happen. The bytes are its own. */
  readonly run: (bytes: Buffer) => void | Promise<void>;
}

/** @throws Error with the rule that was broken. */
export function must(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new BrokenRule(rule);
}

export class BrokenRule extends Error {
  override readonly name = 'BrokenRule';
}

/** @throws Error with the first place where two things differ that should be the same. */
export function mustBeSame(one: unknown, other: unknown, what: string): void {
  if (one === other || areSameTexts(one, other)) return;
  const [a, b] = [textOf(one), textOf(other)];
  if (a === b) return;
  let at = 0;
  while (a[at] === b[at]) at++;
  const from = Math.max(0, at - 30);
  throw new BrokenRule(`${what}: …${a.slice(from, at + 60)} is not …${b.slice(from, at + 60)}`);
}

/** The frequent case, and much quicker than making text of it. */
const areSameTexts = (one: unknown, other: unknown): boolean =>
  Array.isArray(one) &&
  Array.isArray(other) &&
  one.length === other.length &&
  one.every((text, i) => typeof text === 'string' && text === other[i]);

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') return `${part}n`;
    if (typeof part === 'number' && !Number.isFinite(part)) return String(part);
    if (Object.is(part, -0)) return '-0';
    if (part instanceof Map) return [...part];
    return part;
  });
