/** Whether a model batches, in one line for the log and the tools: the decision, its reason, and how to change it. */

import type { ModelConfig } from './model-config.ts';

/** e.g. `no batching: the first dimension of 'x' is not symbolic`. */
export function batchingText({
  maxBatchSize,
  dynamicBatching,
  batching,
}: Pick<ModelConfig, 'maxBatchSize' | 'dynamicBatching' | 'batching'>): string {
  if (maxBatchSize === 0) {
    const cure = batching.isCurable ? '; max_batch_size: N in config.pbtxt overrides' : '';
    return `no batching: ${batching.reason}${cure}`;
  }
  const kind = dynamicBatching === null ? 'batches of one request' : 'dynamic batching';
  const source = batching.isImplied ? " (the server's default; max_batch_size in config.pbtxt overrides)" : '';
  const alone =
    batching.aloneReason === '' ? '' : `: ${batching.aloneReason}; dynamic_batching { } in config.pbtxt overrides`;
  return `${kind}, up to ${maxBatchSize} ${maxBatchSize === 1 ? 'row' : 'rows'}${source}${alone}`;
}
