/** Small configurations and signatures: fields that a test does not name have the values of an ordinary model. */

import type {
  DynamicBatchingConfig,
  InputConfig,
  ModelConfig,
  OutputConfig,
  QueuePolicy,
} from '../../src/model-config/model-config.ts';
import type { ModelSignature, TensorSpec } from '../../src/model-config/signature.ts';
import type { Datatype } from '../../src/tensor/datatype.ts';
import type { Shape } from '../../src/tensor/shape.ts';

export const inputConfig = (
  name: string,
  datatype: Datatype,
  dims: Shape,
  rest: Partial<InputConfig> = {},
): InputConfig => ({ name, datatype, dims, reshape: null, isOptional: false, allowRaggedBatch: false, ...rest });

export const outputConfig = (
  name: string,
  datatype: Datatype,
  dims: Shape,
  rest: Partial<OutputConfig> = {},
): OutputConfig => ({ name, datatype, dims, reshape: null, labelFilename: '', ...rest });

export const queuePolicy = (rest: Partial<QueuePolicy> = {}): QueuePolicy => ({
  timeoutAction: 'reject',
  defaultTimeoutUs: 0,
  allowTimeoutOverride: false,
  maxQueueSize: 0,
  ...rest,
});

/** A bare `dynamic_batching { }`; `preferredBatchSizes` empty means the largest batch. */
export const dynamicBatching = (rest: Partial<DynamicBatchingConfig> = {}): DynamicBatchingConfig => ({
  preferredBatchSizes: [],
  maxQueueDelayUs: 0,
  preserveOrdering: false,
  priorityLevels: 0,
  defaultPriorityLevel: 0,
  defaultQueuePolicy: queuePolicy(),
  priorityQueuePolicies: new Map(),
  ...rest,
});

/** One FP32 input `INPUT` and output `OUTPUT` of one element; batches of up to 8 unless said otherwise. */
export const modelConfig = (rest: Partial<ModelConfig> = {}): ModelConfig => ({
  name: 'm',
  maxBatchSize: 8,
  inputs: [inputConfig('INPUT', 'FP32', [1])],
  outputs: [outputConfig('OUTPUT', 'FP32', [1])],
  versionPolicy: { kind: 'latest', count: 1 },
  instanceGroups: [{ name: 'm', count: 1, kind: 'cpu', gpus: [], isDemanded: false, isPassive: false }],
  defaultModelFilename: 'model.onnx',
  ccModelFilenames: new Map(),
  metricTags: new Map(),
  dynamicBatching: dynamicBatching(),
  warmup: [],
  engine: {
    intraOpThreads: 0,
    interOpThreads: 0,
    executionMode: 'sequential',
    graphOptimizationLevel: 99,
    enableMemoryArena: true,
    enableMemoryPattern: true,
    sessionEntries: new Map(),
    runEntries: new Map(),
    cudaOptions: new Map(),
    tensorrtOptions: null,
    plugin: null,
    graphRows: [],
    customOpLibraries: [],
  },
  parameters: new Map(),
  histogramBuckets: new Map(),
  message: {},
  batching: { isImplied: false, reason: '', isCurable: true, aloneReason: '' },
  ignoredFields: [],
  ...rest,
});

export const tensorSpec = (
  name: string,
  datatype: Datatype,
  shape: Shape | null,
  rest: Partial<TensorSpec> = {},
): TensorSpec => ({
  name,
  datatype,
  shape,
  dimNames: (shape ?? []).map(() => ''),
  isOptional: false,
  labels: [],
  ...rest,
});

export const modelSignature = (inputs: readonly TensorSpec[], outputs: readonly TensorSpec[]): ModelSignature => ({
  inputs,
  outputs,
  irVersion: 10,
  opsets: new Map([['', 21]]),
  producer: 'test',
  graphName: 'graph',
  description: '',
  modelVersion: 0,
  metadata: new Map(),
});

/** The signature that a configuration describes: reshapes applied, the batch dimension in front. */
export function signatureOf(config: ModelConfig): ModelSignature {
  const full = (dims: Shape): Shape => (config.maxBatchSize > 0 ? [-1, ...dims] : dims);
  return modelSignature(
    config.inputs.map(({ name, datatype, dims, reshape, isOptional }) =>
      tensorSpec(name, datatype, full(reshape ?? dims), { isOptional }),
    ),
    config.outputs.map(({ name, datatype, dims, reshape }) => tensorSpec(name, datatype, full(reshape ?? dims))),
  );
}
