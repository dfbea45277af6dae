/**
 * Converts a complete, checked and normalised message to `ModelConfig`, our own names with units. Nothing can fail
 * here.
 */

import { internal } from '../../errors.ts';
import { type Datatype, datatypeOfConfigName } from '../../tensor/datatype.ts';
import type { Shape } from '../../tensor/shape.ts';
import type {
  BatchingDecision,
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
import { parametersOf } from '../parameters.ts';
import type {
  ConfigMessage,
  DataType,
  ModelInput,
  ModelOutput,
  ModelQueuePolicy,
  ModelWarmup,
  ModelWarmupInput,
} from '../schema/config-message.ts';
import { type ModelSignature, type TensorSpec, tensorNamed } from '../signature.ts';

interface ResolvedParts {
  readonly message: ConfigMessage;
  readonly signature: ModelSignature;
  readonly instanceGroups: readonly InstanceGroupConfig[];
  readonly engine: EngineConfig;
  readonly ignoredFields: readonly string[];
  readonly batching: BatchingDecision;
}

export function buildConfig(parts: ResolvedParts): ModelConfig {
  const { message, signature, instanceGroups, engine, ignoredFields, batching } = parts;
  return {
    name: message.name ?? '',
    maxBatchSize: message.max_batch_size ?? 0,
    batching,
    inputs: (message.input ?? []).map((tensor) => buildInput(tensor, signature.inputs)),
    outputs: (message.output ?? []).map((tensor) => buildOutput(tensor, signature.outputs)),
    versionPolicy: versionPolicyOf(message),
    instanceGroups,
    defaultModelFilename: message.default_model_filename ?? '',
    ccModelFilenames: new Map(Object.entries(message.cc_model_filenames ?? {})),
    metricTags: metricTagsOf(message),
    dynamicBatching: buildBatching(message),
    warmup: (message.model_warmup ?? []).map(buildSample),
    engine,
    parameters: parametersOf(message),
    histogramBuckets: bucketsOf(message),
    message,
    ignoredFields,
  };
}

/** Labels of the model's metrics. */
export const metricTagsOf = ({ metric_tags: tags = {} }: ConfigMessage): ReadonlyMap<string, string> =>
  new Map(Object.entries(tags).map(([tag, value]) => [`_${tag}`, value]));

/** The policy of a configuration as it was written or completed; versions are chosen before a model file is read. */
export function versionPolicyOf({ version_policy: policy = {} }: ConfigMessage): VersionPolicy {
  if (policy.all !== undefined) return { kind: 'all' };
  if (policy.specific !== undefined) {
    return { kind: 'specific', versions: (policy.specific.versions ?? []).map(Number) };
  }
  return { kind: 'latest', count: Math.max(1, policy.latest === undefined ? 1 : (policy.latest.num_versions ?? 0)) };
}

function buildTensor(tensor: ModelInput | ModelOutput, specs: readonly TensorSpec[]): TensorConfig {
  const { name = '', dims = [], reshape } = tensor;
  const isScalar = tensorNamed(specs, name)?.shape?.length === 0;
  return {
    name,
    datatype: datatype(tensor.data_type),
    dims: dims.map(Number),
    reshape: reshape === undefined ? (isScalar ? [] : null) : (reshape.shape ?? []).map(Number),
  };
}

function datatype(name: DataType = 'TYPE_INVALID'): Datatype {
  const found = datatypeOfConfigName(name);
  if (found === null) throw internal(`the checks let the datatype '${name}' pass`);
  return found;
}

const buildInput = (tensor: ModelInput, specs: readonly TensorSpec[]): InputConfig => ({
  ...buildTensor(tensor, specs),
  isOptional: tensor.optional ?? false,
  allowRaggedBatch: tensor.allow_ragged_batch ?? false,
});

const buildOutput = (tensor: ModelOutput, specs: readonly TensorSpec[]): OutputConfig => ({
  ...buildTensor(tensor, specs),
  labelFilename: tensor.label_filename ?? '',
});

function buildBatching(message: ConfigMessage): DynamicBatchingConfig | null {
  const { dynamic_batching: batching, max_batch_size: maxBatchSize = 0 } = message;
  if (batching === undefined) return null;
  const preferred = new Set(batching.preferred_batch_size);
  const policies = Object.entries(batching.priority_queue_policy ?? {});
  return {
    preferredBatchSizes: preferred.size > 0 ? [...preferred].sort((a, b) => a - b) : [Math.max(1, maxBatchSize)],
    maxQueueDelayUs: Number(batching.max_queue_delay_microseconds ?? 0),
    preserveOrdering: batching.preserve_ordering ?? false,
    priorityLevels: Number(batching.priority_levels ?? 0),
    defaultPriorityLevel: Number(batching.default_priority_level ?? 0),
    defaultQueuePolicy: buildPolicy(batching.default_queue_policy),
    priorityQueuePolicies: new Map(policies.map(([level, policy]) => [Number(level), buildPolicy(policy)])),
  };
}

const buildPolicy = (policy: ModelQueuePolicy = {}): QueuePolicy => ({
  timeoutAction: policy.timeout_action === 'DELAY' ? 'delay' : 'reject',
  defaultTimeoutUs: Number(policy.default_timeout_microseconds ?? 0),
  allowTimeoutOverride: policy.allow_timeout_override ?? false,
  maxQueueSize: policy.max_queue_size ?? 0,
});

const buildSample = ({ name = '', batch_size: batchSize = 0, count = 0, inputs = {} }: ModelWarmup): WarmupSample => ({
  name,
  batchSize,
  count: Math.max(1, count),
  inputs: new Map(Object.entries(inputs).map(([input, entry]) => [input, buildWarmupInput(entry)])),
});

const buildWarmupInput = (input: ModelWarmupInput): WarmupInput => ({
  datatype: datatype(input.data_type),
  dims: (input.dims ?? []).map(Number) satisfies Shape,
  source:
    input.input_data_file === undefined
      ? { kind: input.random_data === undefined ? 'zero' : 'random' }
      : { kind: 'file', file: input.input_data_file },
});

function bucketsOf({ model_metrics: metrics = {} }: ConfigMessage): ReadonlyMap<string, readonly number[]> {
  const controls = metrics.metric_control ?? [];
  return new Map(
    controls.map(({ metric_identifier: identifier, histogram_options: options }) => [
      identifier?.family ?? '',
      options?.buckets ?? [],
    ]),
  );
}
