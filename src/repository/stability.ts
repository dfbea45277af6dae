/**
 * When a folder that changes counts: two scans in a row agree, and every file its configuration refers to is there and
 * not empty. Files are copied one after the other, and a half-copied model must never be picked up. Pure; what the files
 * contain is judged when they are loaded.
 */

import type { ModelFolder } from './layout.ts';

export type Stability =
  /** Act on it. */
  | { readonly kind: 'stable' }
  /** Still changing: it differs from the scan before, or there was none. */
  | { readonly kind: 'changing' }
  /** Still, but something that it refers to is missing. */
  | { readonly kind: 'incomplete'; readonly missing: readonly string[] };

/**
 * @param before  the model in the scan before, or null
 * @param missing what `missingFiles` found in the present scan
 */
export function stabilityOf(before: ModelFolder | null, now: ModelFolder, missing: readonly string[]): Stability {
  if (before === null || before.fingerprint.whole !== now.fingerprint.whole) return { kind: 'changing' };
  return missing.length > 0 ? { kind: 'incomplete', missing } : { kind: 'stable' };
}
