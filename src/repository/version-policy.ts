/** Which version folders are served. Pure. */

import type { VersionPolicy } from '../model-config/model-config.ts';

export interface VersionSelection {
  /** Ascending. */
  readonly versions: readonly number[];
  /** Versions of a `specific` policy that do not exist, ascending; they cause a warning. */
  readonly missing: readonly number[];
}

export function selectVersions(policy: VersionPolicy, available: readonly number[]): VersionSelection {
  const ascending = [...new Set(available)].sort((a, b) => a - b);
  switch (policy.kind) {
    case 'all':
      return { versions: ascending, missing: [] };
    case 'latest':
      return { versions: ascending.slice(Math.max(0, ascending.length - policy.count)), missing: [] };
    case 'specific': {
      const wanted = [...new Set(policy.versions)].sort((a, b) => a - b);
      return {
        versions: wanted.filter((version) => ascending.includes(version)),
        missing: wanted.filter((version) => !ascending.includes(version)),
      };
    }
  }
}
