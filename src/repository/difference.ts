/**
 * Which steps a changed folder or configuration needs. Configurations are compared by
 * their content, not by the time of their file: touching a file changes nothing. Pure.
 */

import { sameValue, withFields } from '../model-config/schema/message.ts';
import type { ConfigMessage } from '../model-config/schema/config-message.ts';
import type { ModelFingerprint } from './fingerprint.ts';

export interface ModelContent {
  /** The configuration as written (`readConfigMessage`). */
  readonly message: ConfigMessage;
  readonly fingerprint: ModelFingerprint;
}

export interface ModelDifference {
  /** Every version has to be loaded anew; `reason` says why, '' otherwise. */
  readonly reloadsAll: boolean;
  readonly reason: string;
  /** The same versions may need other instances. */
  readonly changesInstances: boolean;
  /** Other versions may be selected. */
  readonly changesVersionPolicy: boolean;
  /** Version folders whose files changed, that appeared, and that disappeared; ascending. */
  readonly changedVersions: readonly number[];
  readonly addedVersions: readonly number[];
  readonly removedVersions: readonly number[];
}

/** The fields whose change leaves loaded versions as they are. */
const inPlaceFields = ['instance_group', 'version_policy'] as const;
type InPlaceField = (typeof inPlaceFields)[number];

export function differenceBetween(before: ModelContent, now: ModelContent): ModelDifference {
  const sameRest = sameValue(withoutInPlace(before.message), withoutInPlace(now.message));
  const sameOthers = before.fingerprint.others === now.fingerprint.others;
  const [old, young] = [before.fingerprint.versions, now.fingerprint.versions];
  const ascending = (versions: Iterable<number>): number[] => [...versions].sort((a, b) => a - b);
  return {
    reloadsAll: !sameRest || !sameOthers,
    reason: !sameRest ? 'the configuration changed' : sameOthers ? '' : 'a file beside the versions changed',
    changesInstances: differsIn('instance_group', before.message, now.message),
    changesVersionPolicy: differsIn('version_policy', before.message, now.message),
    changedVersions: ascending([...young.keys()].filter((key) => old.has(key) && old.get(key) !== young.get(key))),
    addedVersions: ascending([...young.keys()].filter((key) => !old.has(key))),
    removedVersions: ascending([...old.keys()].filter((key) => !young.has(key))),
  };
}

const differsIn = (field: InPlaceField, before: ConfigMessage, now: ConfigMessage): boolean =>
  !sameValue(before[field], now[field]);

const withoutInPlace = (message: ConfigMessage): ConfigMessage =>
  withFields(message, { instance_group: [], version_policy: {} } satisfies Record<InPlaceField, unknown>);
