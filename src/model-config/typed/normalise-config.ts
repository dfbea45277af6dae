/** Writes the defaults into a checked configuration, so that the endpoint shows what is in force. */

import { has, listOf, messageOf, newMessage, numberOf, withFields } from '../schema/message-fields.ts';
import type { ConfigMessage } from '../model-config.ts';

/** @param instanceGroups the resolved `instance_group` */
export function normaliseConfig(message: ConfigMessage, instanceGroups: readonly ConfigMessage[]): ConfigMessage {
  const maxBatchSize = numberOf(message, 'max_batch_size');
  const normal = withFields(message, {
    max_batch_size: maxBatchSize,
    version_policy: normalVersionPolicy(messageOf(message, 'version_policy')),
    instance_group: instanceGroups,
    optimization: normalOptimization(messageOf(message, 'optimization')),
  });
  const batching = messageOf(message, 'dynamic_batching');
  return batching === null ? normal : withFields(normal, { dynamic_batching: normalBatching(batching, maxBatchSize) });
}

/** `latest { }` reads as 0 versions, which cannot be intended; it becomes 1, as without a policy. */
function normalVersionPolicy(policy: ConfigMessage | null): ConfigMessage {
  if (policy !== null && (has(policy, 'all') || has(policy, 'specific'))) return policy;
  const latest = policy === null ? null : messageOf(policy, 'latest');
  const count = latest === null ? 0 : numberOf(latest, 'num_versions');
  return newMessage({ latest: newMessage({ num_versions: Math.max(1, count) }) });
}

function normalOptimization(optimization: ConfigMessage | null): ConfigMessage {
  const enabled = newMessage({ enable: true });
  return newMessage({ input_pinned_memory: enabled, output_pinned_memory: enabled, ...(optimization ?? {}) });
}

function normalBatching(batching: ConfigMessage, maxBatchSize: number): ConfigMessage {
  if (maxBatchSize === 0 || listOf(batching, 'preferred_batch_size').length > 0) return batching;
  return withFields(batching, { preferred_batch_size: [maxBatchSize] });
}
