/** Rules of `dynamic_batching`. */

import type { Findings } from '../findings.ts';
import type { ConfigMessage, ModelDynamicBatching } from '../schema/config-message.ts';

/** The longest delay: a longer one is a wrong unit, and a request that does not fill a batch would never be answered. */
const longestDelayUs = 3_600_000_000;

export function checkDynamicBatching(message: ConfigMessage, findings: Findings): void {
  const { name: model = '', max_batch_size: maxBatchSize = 0, dynamic_batching: batching } = message;
  if (batching === undefined) return;
  const { preferred_batch_size: sizes = [], priority_queue_policy: policies = {} } = batching;
  if (sizes.some((size) => size <= 0)) {
    findings.refuse(`dynamic batching preferred size must be positive for ${model}`, batching, 'preferred_batch_size');
  }
  if (sizes.some((size) => size > maxBatchSize)) {
    const text = `dynamic batching preferred size must be <= max batch size for ${model}`;
    findings.refuse(text, batching, 'preferred_batch_size');
  }
  const delayUs = Number(batching.max_queue_delay_microseconds ?? 0);
  if (delayUs > longestDelayUs) {
    const text = `dynamic batching max_queue_delay_microseconds must be at most ${longestDelayUs} (an hour) for ${model}, got ${delayUs}`;
    findings.refuse(text, batching, 'max_queue_delay_microseconds');
  }
  if (maxBatchSize === 0) {
    const text = 'dynamic_batching: max_batch_size is 0, requests run one by one (its queue policies hold)';
    findings.ignore(text, message, 'dynamic_batching');
  }
  const levels = Number(batching.priority_levels ?? 0);
  checkLevels(model, batching, levels, findings);
  if (levels === 0 && (Object.keys(policies).length > 0 || Number(batching.default_priority_level ?? 0) > 0)) {
    const text = 'dynamic_batching.priority_queue_policy, default_priority_level: priority_levels is 0';
    findings.ignore(text, message, 'dynamic_batching');
  }
  if (batching.preserve_ordering === true) checkOrdering(model, batching, levels, findings);
}

function checkLevels(model: string, batching: ModelDynamicBatching, levels: number, findings: Findings): void {
  if (levels === 0) return;
  const isLevel = (level: number): boolean => level >= 1 && level <= levels;
  if (!isLevel(Number(batching.default_priority_level ?? 0))) {
    const text = `default priority level must be in range [1, ${levels}] for ${model}`;
    findings.refuse(text, batching, 'default_priority_level');
  }
  if (!Object.keys(batching.priority_queue_policy ?? {}).every((key) => isLevel(Number(key)))) {
    const text = `priority queue policy must have priority level in range [1, ${levels}] for ${model}`;
    findings.refuse(text, batching, 'priority_queue_policy');
  }
}

function checkOrdering(model: string, batching: ModelDynamicBatching, levels: number, findings: Findings): void {
  if (levels > 1) {
    const text = `Only one priority level is allowed when 'preserve_ordering' is true for ${model}`;
    findings.refuse(text, batching, 'priority_levels');
  }
  const policies = [batching.default_queue_policy, ...Object.values(batching.priority_queue_policy ?? {})];
  const delaying = policies.find((policy) => policy?.timeout_action === 'DELAY');
  if (delaying !== undefined) {
    const text = `Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for ${model}`;
    findings.refuse(text, delaying, 'timeout_action');
  }
}
