/** Writes the defaults into a checked configuration, so that the endpoint shows what is in force. */

import type {
  ConfigMessage,
  ModelDynamicBatching,
  ModelInstanceGroup,
  ModelOptimizationPolicy,
  ModelVersionPolicy,
} from '../schema/config-message.ts';
import { newMessage, withFields } from '../schema/message.ts';

/** @param instanceGroups the resolved `instance_group` */
export function normaliseConfig(message: ConfigMessage, instanceGroups: readonly ModelInstanceGroup[]): ConfigMessage {
  const { max_batch_size: maxBatchSize = 0, dynamic_batching: batching } = message;
  const normal = withFields(message, {
    max_batch_size: maxBatchSize,
    version_policy: normalVersionPolicy(message.version_policy),
    instance_group: instanceGroups,
    optimization: normalOptimization(message.optimization),
  });
  if (batching === undefined) return normal;
  return withFields(normal, { dynamic_batching: normalBatching(batching, maxBatchSize) });
}

/** `latest { }` reads as 0 versions, which cannot be intended; it becomes 1, as without a policy. */
function normalVersionPolicy(policy: ModelVersionPolicy = {}): ModelVersionPolicy {
  if (policy.all !== undefined || policy.specific !== undefined) return policy;
  return newMessage({ latest: newMessage({ num_versions: Math.max(1, policy.latest?.num_versions ?? 0) }) });
}

function normalOptimization(optimization: ModelOptimizationPolicy = {}): ModelOptimizationPolicy {
  const enabled = newMessage({ enable: true });
  return newMessage({ input_pinned_memory: enabled, output_pinned_memory: enabled, ...optimization });
}

function normalBatching(batching: ModelDynamicBatching, maxBatchSize: number): ModelDynamicBatching {
  if (maxBatchSize === 0 || (batching.preferred_batch_size ?? []).length > 0) return batching;
  return withFields(batching, { preferred_batch_size: [maxBatchSize] });
}
