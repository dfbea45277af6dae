/**
 * A hold on a version for users that live longer than a request: another model that serves it, a cache of models. While
 * one is held the version goes on taking what its holder gives it, also after it left the table of its model.
 */

import type { ModelVersion } from './model-version.ts';

export interface Lease {
  readonly version: ModelVersion;
  /** Gives the hold up; more than once is once. */
  release(): void;
}
