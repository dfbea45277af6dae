/**
 * What a queue allows a request: its priority level, how long it may wait, how many may wait with it. Pure functions of
 * the configuration (behaviour.md §3.3 and §3.4).
 */

import type { DynamicBatchingConfig, QueuePolicy } from '../model-config/model-config.ts';

/** What holds for models that configure nothing. */
export const openPolicy: QueuePolicy = {
  timeoutAction: 'reject',
  defaultTimeoutUs: 0,
  allowTimeoutOverride: false,
  maxQueueSize: 0,
};

/** Level of a request: 1 is served first; a priority of 0 or beyond the last level asks for the default. */
export function levelOf(priority: number, config: DynamicBatchingConfig | null): number {
  if (config === null || config.priorityLevels === 0) return 1;
  return priority >= 1 && priority <= config.priorityLevels ? priority : config.defaultPriorityLevel;
}

export function policyOf(level: number, config: DynamicBatchingConfig | null): QueuePolicy {
  if (config === null) return openPolicy;
  return config.priorityQueuePolicies.get(level) ?? config.defaultQueuePolicy;
}

/**
 * How long a request may wait, in milliseconds; Infinity for any time.
 *
 * Where the policy has a default timeout, the request may shorten it if overrides are allowed, never lengthen it. Where
 * it has none there is nothing to protect, and the request's own timeout holds; Triton ignores it there, which its users
 * keep reporting as a fault.
 */
export function timeoutMs(policy: QueuePolicy, requestTimeoutUs: number): number {
  const { defaultTimeoutUs } = policy;
  const asked = requestTimeoutUs > 0 ? requestTimeoutUs / 1000 : Number.POSITIVE_INFINITY;
  if (defaultTimeoutUs === 0) return asked;
  return policy.allowTimeoutOverride ? Math.min(asked, defaultTimeoutUs / 1000) : defaultTimeoutUs / 1000;
}
