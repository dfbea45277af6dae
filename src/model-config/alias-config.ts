/**
 * The configuration in force of `platform: "alias"`: another name for a version of another model. An alias has the
 * tensors and the batching of its target; only the name, the target and the labels of metrics are its own.
 */

import type { ModelConfig } from './model-config.ts';
import { parametersOf } from './parameters.ts';
import type { ConfigMessage } from './schema/config-message.ts';
import { withFields } from './schema/message.ts';
import { metricTagsOf, versionPolicyOf } from './effective/build-config.ts';

/** The part of the target's configuration that callers see. */
const sharedFields: readonly (keyof ConfigMessage)[] = [
  'max_batch_size',
  'input',
  'output',
  'dynamic_batching',
  'model_transaction_policy',
];

/**
 * The configuration in force of an alias.
 *
 * @param message of the alias, with names completed and checked
 * @param target  the configuration of the version that it stands for
 */
export function resolveAliasConfig(message: ConfigMessage, target: ModelConfig): ModelConfig {
  const shared = sharedFields.filter((field) => target.message[field] !== undefined);
  const fields: ConfigMessage = Object.fromEntries(shared.map((field) => [field, target.message[field]]));
  return Object.freeze({
    ...target,
    name: message.name ?? '',
    versionPolicy: versionPolicyOf(message),
    instanceGroups: [],
    warmup: [],
    metricTags: metricTagsOf(message),
    parameters: parametersOf(message),
    message: Object.freeze(withFields(message, fields)),
    ignoredFields: [],
  });
}
