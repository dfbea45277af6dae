/**
 * A lease keeps a version in use for longer than a request: for another model that uses it, or for a cache of models.
 * While it is held the version accepts requests of the holder, also after the version has left the table of its model.
 */

import type { ModelVersion } from './model-version.ts';

export interface Lease {
  readonly version: ModelVersion;
  /** Releases the lease; further calls do nothing. */
  release(): void;
}
