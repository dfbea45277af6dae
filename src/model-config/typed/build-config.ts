/**
 * Converts a complete, checked and normalised message to `ModelConfig`, our own names with units. Nothing can fail
 * here.
 */

import { internal } from '../../errors.ts';
import { type Datatype, datatypeOfConfigName } from '../../tensor/datatype.ts';
import type { Shape } from '../../tensor/shape.ts';
import { parametersOf } from './engine-config.ts';
import {
  flagOf,
  has,
  messageMapOf,
  messageOf,
  messagesOf,
  numberOf,
  numbersOf,
  textMapOf,
  textOf,
} from '../schema/message-fields.ts';
import type {
  BatchingDecision,
  ConfigMessage,
  DynamicBatchingConfig,
  EngineConfig,
  InputConfig,
  InstanceGroupConfig,
  ModelConfig,
  OutputConfig,
  QueuePolicy,
  TensorConfig,
  VersionPolicy,
  WarmupInput,
  WarmupSample,
} from '../model-config.ts';
import { type ModelSignature, type TensorSpec, tensorNamed } from '../signature.ts';

export interface ResolvedParts {
  readonly message: ConfigMessage;
  readonly signature: ModelSignature;
  readonly instanceGroups: readonly InstanceGroupConfig[];
  readonly engine: EngineConfig;
  readonly ignoredFields: readonly string[];
  readonly batching: BatchingDecision;
}

export function buildConfig(parts: ResolvedParts): ModelConfig {
  const { message, signature, instanceGroups, engine, ignoredFields, batching } = parts;
  const metricTags = textMapOf(message, 'metric_tags');
  return {
    name: textOf(message, 'name'),
    maxBatchSize: numberOf(message, 'max_batch_size'),
    batching,
    inputs: messagesOf(message, 'input').map((tensor) => buildInput(tensor, signature.inputs)),
    outputs: messagesOf(message, 'output').map((tensor) => buildOutput(tensor, signature.outputs)),
    versionPolicy: versionPolicyOf(message),
    instanceGroups,
    defaultModelFilename: textOf(message, 'default_model_filename'),
    ccModelFilenames: textMapOf(message, 'cc_model_filenames'),
    metricTags: new Map([...metricTags].map(([tag, value]) => [`_${tag}`, value])),
    dynamicBatching: buildBatching(message),
    warmup: messagesOf(message, 'model_warmup').map(buildSample),
    engine,
    parameters: parametersOf(message),
    histogramBuckets: bucketsOf(message),
    message,
    ignoredFields,
  };
}

/** The policy of a configuration as it was written or completed; versions are chosen before a model file is read. */
export function versionPolicyOf(message: ConfigMessage): VersionPolicy {
  const policy = messageOf(message, 'version_policy') ?? {};
  if (has(policy, 'all')) return { kind: 'all' };
  const specific = messageOf(policy, 'specific');
  if (specific !== null) return { kind: 'specific', versions: numbersOf(specific, 'versions') };
  const latest = messageOf(policy, 'latest');
  return { kind: 'latest', count: Math.max(1, latest === null ? 1 : numberOf(latest, 'num_versions')) };
}

function buildTensor(tensor: ConfigMessage, specs: readonly TensorSpec[]): TensorConfig {
  const name = textOf(tensor, 'name');
  const dims = numbersOf(tensor, 'dims');
  const reshape = messageOf(tensor, 'reshape');
  const isScalar = tensorNamed(specs, name)?.shape?.length === 0;
  return {
    name,
    datatype: datatype(tensor),
    dims,
    reshape: reshape === null ? (isScalar ? [] : null) : numbersOf(reshape, 'shape'),
  };
}

function datatype(message: ConfigMessage): Datatype {
  const name = textOf(message, 'data_type');
  const found = datatypeOfConfigName(name);
  if (found === null) throw internal(`the checks let the datatype '${name}' pass`);
  return found;
}

const buildInput = (tensor: ConfigMessage, specs: readonly TensorSpec[]): InputConfig => ({
  ...buildTensor(tensor, specs),
  isOptional: flagOf(tensor, 'optional'),
  allowRaggedBatch: flagOf(tensor, 'allow_ragged_batch'),
});

const buildOutput = (tensor: ConfigMessage, specs: readonly TensorSpec[]): OutputConfig => ({
  ...buildTensor(tensor, specs),
  labelFilename: textOf(tensor, 'label_filename'),
});

function buildBatching(message: ConfigMessage): DynamicBatchingConfig | null {
  const batching = messageOf(message, 'dynamic_batching');
  if (batching === null) return null;
  const maxRows = Math.max(1, numberOf(message, 'max_batch_size'));
  const preferred = new Set(numbersOf(batching, 'preferred_batch_size'));
  const policies = messageMapOf(batching, 'priority_queue_policy');
  return {
    preferredBatchSizes: preferred.size > 0 ? [...preferred].sort((a, b) => a - b) : [maxRows],
    maxQueueDelayUs: numberOf(batching, 'max_queue_delay_microseconds'),
    preserveOrdering: flagOf(batching, 'preserve_ordering'),
    priorityLevels: numberOf(batching, 'priority_levels'),
    defaultPriorityLevel: numberOf(batching, 'default_priority_level'),
    defaultQueuePolicy: buildPolicy(messageOf(batching, 'default_queue_policy')),
    priorityQueuePolicies: new Map([...policies].map(([level, policy]) => [Number(level), buildPolicy(policy)])),
  };
}

function buildPolicy(message: ConfigMessage | null): QueuePolicy {
  const policy = message ?? {};
  return {
    timeoutAction: textOf(policy, 'timeout_action') === 'DELAY' ? 'delay' : 'reject',
    defaultTimeoutUs: numberOf(policy, 'default_timeout_microseconds'),
    allowTimeoutOverride: flagOf(policy, 'allow_timeout_override'),
    maxQueueSize: numberOf(policy, 'max_queue_size'),
  };
}

const buildSample = (sample: ConfigMessage): WarmupSample => ({
  name: textOf(sample, 'name'),
  batchSize: numberOf(sample, 'batch_size'),
  count: Math.max(1, numberOf(sample, 'count')),
  inputs: new Map([...messageMapOf(sample, 'inputs')].map(([name, input]) => [name, buildWarmupInput(input)])),
});

const buildWarmupInput = (input: ConfigMessage): WarmupInput => ({
  datatype: datatype(input),
  dims: numbersOf(input, 'dims') satisfies Shape,
  source: has(input, 'input_data_file')
    ? { kind: 'file', file: textOf(input, 'input_data_file') }
    : { kind: has(input, 'random_data') ? 'random' : 'zero' },
});

function bucketsOf(message: ConfigMessage): ReadonlyMap<string, readonly number[]> {
  const buckets = new Map<string, readonly number[]>();
  for (const control of messagesOf(messageOf(message, 'model_metrics') ?? {}, 'metric_control')) {
    const family = textOf(messageOf(control, 'metric_identifier') ?? {}, 'family');
    buckets.set(family, numbersOf(messageOf(control, 'histogram_options') ?? {}, 'buckets'));
  }
  return buckets;
}
