/**
 * Which steps a changed folder or configuration needs. Configurations are compared by their content, not by the time of
 * their file: touching a file changes nothing. Pure.
 */

import type { ConfigMessage } from '../model-config/schema/config-message.ts';
import { sameValue, withFields } from '../model-config/schema/message.ts';
import type { ModelFingerprint } from './fingerprint.ts';

export interface ModelContent {
  /** The configuration as written (`readConfigMessage`). */
  readonly message: ConfigMessage;
  readonly fingerprint: ModelFingerprint;
}

export interface ModelDifference {
  /** Every version has to be loaded anew. */
  readonly reloadsAll: boolean;
  /** The same versions may need other instances. */
  readonly changesInstances: boolean;
  /** Versions whose files changed, ascending; not those that appeared or disappeared. */
  readonly changedVersions: readonly number[];
}

/** The message without the fields whose change leaves loaded versions as they are. */
const withoutInPlace = (message: ConfigMessage): ConfigMessage =>
  withFields(message, { instance_group: [], version_policy: {} });

export function differenceBetween(before: ModelContent, now: ModelContent): ModelDifference {
  const sameRest = sameValue(withoutInPlace(before.message), withoutInPlace(now.message));
  const [old, young] = [before.fingerprint.versions, now.fingerprint.versions];
  return {
    reloadsAll: !sameRest || before.fingerprint.others !== now.fingerprint.others,
    changesInstances: !sameValue(before.message.instance_group, now.message.instance_group),
    changedVersions: [...young.keys()]
      .filter((version) => old.has(version) && old.get(version) !== young.get(version))
      .sort((a, b) => a - b),
  };
}
