/**
 * The problems that the checks of one configuration found. All are reported together, so that a file can be repaired in
 * one go.
 */

import { invalidArgument, unimplemented } from '../errors.ts';

export interface Findings {
  /** Contradictions and values out of range. */
  readonly invalid: string[];
  /** Correct settings that ask for a feature that this server does not have. */
  readonly leftOut: string[];
  /** Accepted without effect, `field: reason`. */
  readonly ignored: string[];
}

export const newFindings = (): Findings => ({ invalid: [], leftOut: [], ignored: [] });

/** The most problems of one kind in an error. */
const mostTold = 100;

/** Whether enough was found, so that slow checks can be left out. */
export const isEnough = (found: readonly string[]): boolean => found.length >= mostTold;

/** Each text once, at most `mostTold` of them. */
export function toldOf(found: readonly string[]): readonly string[] {
  const texts = [...new Set(found)];
  return texts.length <= mostTold ? texts : [...texts.slice(0, mostTold), `and ${texts.length - mostTold} more`];
}

/** @throws InferenceError invalid_argument with everything found, or unimplemented when only left-out features were */
export function throwFindings({ invalid, leftOut }: Findings): void {
  const all = toldOf([...invalid, ...leftOut]);
  if (invalid.length > 0) throw invalidArgument(all.join('; '));
  if (leftOut.length > 0) throw unimplemented(all.join('; '));
}
