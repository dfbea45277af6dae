/**
 * The rules of a queue for a request: its priority level, how long it may wait, and how many may wait with it. Pure
 * functions of the configuration.
 */

import type { DynamicBatchingConfig, QueuePolicy } from '../../model-config/model-config.ts';
import type { RequestOrder } from './batch-policy.ts';

/** The policy of models that configure none. */
export const openPolicy: QueuePolicy = {
  timeoutAction: 'reject',
  defaultTimeoutUs: 0,
  allowTimeoutOverride: false,
  maxQueueSize: 0,
};

/** The order that a configuration asks for; one level without policies where it asks for none. */
export class ConfiguredOrder implements RequestOrder {
  readonly #config: DynamicBatchingConfig | null;

  constructor(config: DynamicBatchingConfig | null) {
    this.#config = config;
  }

  get mayOvertake(): boolean {
    return this.#config !== null && this.#config.priorityLevels > 0;
  }

  /** A priority of 0 or beyond the last level asks for the default. */
  levelOf(priority: number): number {
    const config = this.#config;
    if (config === null || config.priorityLevels === 0) return 1;
    return priority >= 1 && priority <= config.priorityLevels ? priority : config.defaultPriorityLevel;
  }

  policyOf(level: number): QueuePolicy {
    const config = this.#config;
    return config === null ? openPolicy : (config.priorityQueuePolicies.get(level) ?? config.defaultQueuePolicy);
  }
}

/**
 * How long a request may wait, in milliseconds; Infinity for any time.
 *
 * Where the policy has a default timeout, the request may shorten it if overrides are allowed, never lengthen it. Where
 * it has none, the request's own timeout holds; Triton ignores it there, which its users
 * report as a fault.
 */
export function timeoutMs(policy: QueuePolicy, requestTimeoutUs: number): number {
  const { defaultTimeoutUs } = policy;
  const asked = requestTimeoutUs > 0 ? requestTimeoutUs / 1000 : Number.POSITIVE_INFINITY;
  if (defaultTimeoutUs === 0) return asked;
  return policy.allowTimeoutOverride ? Math.min(asked, defaultTimeoutUs / 1000) : defaultTimeoutUs / 1000;
}
