/** Rules of `dynamic_batching`. */

import type { Findings } from '../findings.ts';
import { flagOf, messageMapOf, messageOf, numberOf, numbersOf, textOf } from '../schema/message-fields.ts';
import type { ConfigMessage } from '../model-config.ts';

/** The longest delay: a longer one is probably a wrong unit, and callers would have left. */
const longestDelayUs = 60_000_000;

export function checkDynamicBatching(message: ConfigMessage, { invalid, ignored }: Findings): void {
  const batching = messageOf(message, 'dynamic_batching');
  if (batching === null) return;
  const model = textOf(message, 'name');
  const maxBatchSize = numberOf(message, 'max_batch_size');
  const sizes = numbersOf(batching, 'preferred_batch_size');
  if (sizes.some((size) => size <= 0)) invalid.push(`dynamic batching preferred size must be positive for ${model}`);
  if (sizes.some((size) => size > maxBatchSize)) {
    invalid.push(`dynamic batching preferred size must be <= max batch size for ${model}`);
  }
  const delayUs = numberOf(batching, 'max_queue_delay_microseconds');
  if (delayUs > longestDelayUs) {
    invalid.push(
      `dynamic batching max_queue_delay_microseconds must be at most ${longestDelayUs} (a minute) for ${model}, got ${delayUs}`,
    );
  }
  if (maxBatchSize === 0) {
    ignored.push('dynamic_batching: max_batch_size is 0, requests run one by one (its queue policies hold)');
  }
  const levels = numberOf(batching, 'priority_levels');
  const policies = messageMapOf(batching, 'priority_queue_policy');
  checkLevels(model, batching, levels, invalid);
  if (levels === 0 && (policies.size > 0 || numberOf(batching, 'default_priority_level') > 0)) {
    ignored.push('dynamic_batching.priority_queue_policy, default_priority_level: priority_levels is 0');
  }
  if (!flagOf(batching, 'preserve_ordering')) return;
  if (levels > 1) invalid.push(`Only one priority level is allowed when 'preserve_ordering' is true for ${model}`);
  const all = [messageOf(batching, 'default_queue_policy'), ...policies.values()];
  if (all.some((policy) => policy !== null && textOf(policy, 'timeout_action') === 'DELAY')) {
    invalid.push(`Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for ${model}`);
  }
}

function checkLevels(model: string, batching: ConfigMessage, levels: number, invalid: string[]): void {
  if (levels === 0) return;
  const isLevel = (level: number): boolean => level >= 1 && level <= levels;
  if (!isLevel(numberOf(batching, 'default_priority_level'))) {
    invalid.push(`default priority level must be in range [1, ${levels}] for ${model}`);
  }
  if (![...messageMapOf(batching, 'priority_queue_policy').keys()].every((key) => isLevel(Number(key)))) {
    invalid.push(`priority queue policy must have priority level in range [1, ${levels}] for ${model}`);
  }
}
