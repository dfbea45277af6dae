/**
 * Made by scripts/make-config-types.mjs from proto/model_config.proto, which says what each field means.
 *
 * A ModelConfig message as it was read, with proto field names: only written fields are in it. An absent field reads
 * as protobuf's default.
 */

/** Exact: a bigint beyond 2^53. */
export type Integer64 = number | bigint;

export type DataType =
  | 'TYPE_INVALID'
  | 'TYPE_BOOL'
  | 'TYPE_UINT8'
  | 'TYPE_UINT16'
  | 'TYPE_UINT32'
  | 'TYPE_UINT64'
  | 'TYPE_INT8'
  | 'TYPE_INT16'
  | 'TYPE_INT32'
  | 'TYPE_INT64'
  | 'TYPE_FP16'
  | 'TYPE_FP32'
  | 'TYPE_FP64'
  | 'TYPE_STRING'
  | 'TYPE_BF16';
export type ModelRateLimiterResource = { readonly name?: string; readonly global?: boolean; readonly count?: number };
export type ModelRateLimiter = { readonly resources?: readonly ModelRateLimiterResource[]; readonly priority?: number };
export type ModelInstanceGroupKind = 'KIND_AUTO' | 'KIND_GPU' | 'KIND_CPU' | 'KIND_MODEL';
export type ModelInstanceGroupSecondaryDeviceSecondaryDeviceKind = 'KIND_NVDLA';
export type ModelInstanceGroupSecondaryDevice = {
  readonly kind?: ModelInstanceGroupSecondaryDeviceSecondaryDeviceKind;
  readonly device_id?: Integer64;
};
export type ModelInstanceGroup = {
  readonly name?: string;
  readonly count?: number;
  readonly gpus?: readonly number[];
  readonly kind?: ModelInstanceGroupKind;
  readonly profile?: readonly string[];
  readonly rate_limiter?: ModelRateLimiter;
  readonly passive?: boolean;
  readonly secondary_devices?: readonly ModelInstanceGroupSecondaryDevice[];
  readonly host_policy?: string;
};
export type ModelTensorReshape = { readonly shape?: readonly Integer64[] };
export type ModelInputFormat = 'FORMAT_NONE' | 'FORMAT_NHWC' | 'FORMAT_NCHW';
export type ModelInput = {
  readonly name?: string;
  readonly data_type?: DataType;
  readonly format?: ModelInputFormat;
  readonly dims?: readonly Integer64[];
  readonly reshape?: ModelTensorReshape;
  readonly is_shape_tensor?: boolean;
  readonly allow_ragged_batch?: boolean;
  readonly optional?: boolean;
  readonly is_non_linear_format_io?: boolean;
};
export type ModelOutput = {
  readonly name?: string;
  readonly data_type?: DataType;
  readonly dims?: readonly Integer64[];
  readonly label_filename?: string;
  readonly reshape?: ModelTensorReshape;
  readonly is_shape_tensor?: boolean;
  readonly is_non_linear_format_io?: boolean;
};
export type BatchInputKind =
  | 'BATCH_ELEMENT_COUNT'
  | 'BATCH_ACCUMULATED_ELEMENT_COUNT'
  | 'BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO'
  | 'BATCH_MAX_ELEMENT_COUNT_AS_SHAPE'
  | 'BATCH_ITEM_SHAPE'
  | 'BATCH_ITEM_SHAPE_FLATTEN';
export type BatchInput = {
  readonly kind?: BatchInputKind;
  readonly target_name?: readonly string[];
  readonly data_type?: DataType;
  readonly source_input?: readonly string[];
};
export type BatchOutputKind = 'BATCH_SCATTER_WITH_INPUT_SHAPE';
export type BatchOutput = {
  readonly target_name?: readonly string[];
  readonly kind?: BatchOutputKind;
  readonly source_input?: readonly string[];
};
export type ModelVersionPolicyLatest = { readonly num_versions?: number };
export type ModelVersionPolicyAll = Record<string, never>;
export type ModelVersionPolicySpecific = { readonly versions?: readonly Integer64[] };
export type ModelVersionPolicy = {
  readonly latest?: ModelVersionPolicyLatest;
  readonly all?: ModelVersionPolicyAll;
  readonly specific?: ModelVersionPolicySpecific;
};
export type ModelOptimizationPolicyModelPriority = 'PRIORITY_DEFAULT' | 'PRIORITY_MAX' | 'PRIORITY_MIN';
export type ModelOptimizationPolicyGraph = { readonly level?: number };
export type ModelOptimizationPolicyCudaGraphSpecShape = { readonly dim?: readonly Integer64[] };
export type ModelOptimizationPolicyCudaGraphSpecLowerBound = {
  readonly batch_size?: number;
  readonly input?: { readonly [key: string]: ModelOptimizationPolicyCudaGraphSpecShape };
};
export type ModelOptimizationPolicyCudaGraphSpec = {
  readonly batch_size?: number;
  readonly input?: { readonly [key: string]: ModelOptimizationPolicyCudaGraphSpecShape };
  readonly graph_lower_bound?: ModelOptimizationPolicyCudaGraphSpecLowerBound;
};
export type ModelOptimizationPolicyCuda = {
  readonly graphs?: boolean;
  readonly busy_wait_events?: boolean;
  readonly graph_spec?: readonly ModelOptimizationPolicyCudaGraphSpec[];
  readonly output_copy_stream?: boolean;
};
export type ModelOptimizationPolicyExecutionAcceleratorsAccelerator = {
  readonly name?: string;
  readonly parameters?: { readonly [key: string]: string };
};
export type ModelOptimizationPolicyExecutionAccelerators = {
  readonly gpu_execution_accelerator?: readonly ModelOptimizationPolicyExecutionAcceleratorsAccelerator[];
  readonly cpu_execution_accelerator?: readonly ModelOptimizationPolicyExecutionAcceleratorsAccelerator[];
};
export type ModelOptimizationPolicyPinnedMemoryBuffer = { readonly enable?: boolean };
export type ModelOptimizationPolicy = {
  readonly graph?: ModelOptimizationPolicyGraph;
  readonly priority?: ModelOptimizationPolicyModelPriority;
  readonly cuda?: ModelOptimizationPolicyCuda;
  readonly execution_accelerators?: ModelOptimizationPolicyExecutionAccelerators;
  readonly input_pinned_memory?: ModelOptimizationPolicyPinnedMemoryBuffer;
  readonly output_pinned_memory?: ModelOptimizationPolicyPinnedMemoryBuffer;
  readonly gather_kernel_buffer_threshold?: number;
  readonly eager_batching?: boolean;
};
export type ModelQueuePolicyTimeoutAction = 'REJECT' | 'DELAY';
export type ModelQueuePolicy = {
  readonly timeout_action?: ModelQueuePolicyTimeoutAction;
  readonly default_timeout_microseconds?: Integer64;
  readonly allow_timeout_override?: boolean;
  readonly max_queue_size?: number;
};
export type ModelDynamicBatching = {
  readonly preferred_batch_size?: readonly number[];
  readonly max_queue_delay_microseconds?: Integer64;
  readonly preserve_ordering?: boolean;
  readonly priority_levels?: Integer64;
  readonly default_priority_level?: Integer64;
  readonly default_queue_policy?: ModelQueuePolicy;
  readonly priority_queue_policy?: { readonly [key: string]: ModelQueuePolicy };
};
export type ModelSequenceBatchingControlKind =
  | 'CONTROL_SEQUENCE_START'
  | 'CONTROL_SEQUENCE_READY'
  | 'CONTROL_SEQUENCE_END'
  | 'CONTROL_SEQUENCE_CORRID';
export type ModelSequenceBatchingControl = {
  readonly kind?: ModelSequenceBatchingControlKind;
  readonly int32_false_true?: readonly number[];
  readonly fp32_false_true?: readonly number[];
  readonly data_type?: DataType;
  readonly bool_false_true?: readonly boolean[];
};
export type ModelSequenceBatchingControlInput = {
  readonly name?: string;
  readonly control?: readonly ModelSequenceBatchingControl[];
};
export type ModelSequenceBatchingInitialState = {
  readonly data_type?: DataType;
  readonly dims?: readonly Integer64[];
  readonly zero_data?: boolean;
  readonly data_file?: string;
  readonly name?: string;
};
export type ModelSequenceBatchingState = {
  readonly input_name?: string;
  readonly output_name?: string;
  readonly data_type?: DataType;
  readonly dims?: readonly Integer64[];
  readonly initial_state?: readonly ModelSequenceBatchingInitialState[];
  readonly use_same_buffer_for_input_output?: boolean;
  readonly use_growable_memory?: boolean;
};
export type ModelSequenceBatchingStrategyDirect = {
  readonly max_queue_delay_microseconds?: Integer64;
  readonly minimum_slot_utilization?: number;
};
export type ModelSequenceBatchingStrategyOldest = {
  readonly max_candidate_sequences?: number;
  readonly preferred_batch_size?: readonly number[];
  readonly max_queue_delay_microseconds?: Integer64;
  readonly preserve_ordering?: boolean;
};
export type ModelSequenceBatching = {
  readonly max_sequence_idle_microseconds?: Integer64;
  readonly control_input?: readonly ModelSequenceBatchingControlInput[];
  readonly direct?: ModelSequenceBatchingStrategyDirect;
  readonly oldest?: ModelSequenceBatchingStrategyOldest;
  readonly state?: readonly ModelSequenceBatchingState[];
  readonly iterative_sequence?: boolean;
};
export type ModelEnsemblingStep = {
  readonly model_name?: string;
  readonly model_version?: Integer64;
  readonly input_map?: { readonly [key: string]: string };
  readonly output_map?: { readonly [key: string]: string };
  readonly model_namespace?: string;
};
export type ModelEnsembling = {
  readonly step?: readonly ModelEnsemblingStep[];
  readonly max_inflight_requests?: number;
};
export type ModelParameter = { readonly string_value?: string };
export type ModelWarmupInput = {
  readonly data_type?: DataType;
  readonly dims?: readonly Integer64[];
  readonly zero_data?: boolean;
  readonly random_data?: boolean;
  readonly input_data_file?: string;
};
export type ModelWarmup = {
  readonly name?: string;
  readonly batch_size?: number;
  readonly inputs?: { readonly [key: string]: ModelWarmupInput };
  readonly count?: number;
};
export type ModelOperations = { readonly op_library_filename?: readonly string[] };
export type ModelTransactionPolicy = { readonly decoupled?: boolean };
export type ModelRepositoryAgentsAgent = {
  readonly name?: string;
  readonly parameters?: { readonly [key: string]: string };
};
export type ModelRepositoryAgents = { readonly agents?: readonly ModelRepositoryAgentsAgent[] };
export type ModelResponseCache = { readonly enable?: boolean };
export type ModelMetricsMetricControlMetricIdentifier = { readonly family?: string };
export type ModelMetricsMetricControlHistogramOptions = { readonly buckets?: readonly number[] };
export type ModelMetricsMetricControl = {
  readonly metric_identifier?: ModelMetricsMetricControlMetricIdentifier;
  readonly histogram_options?: ModelMetricsMetricControlHistogramOptions;
};
export type ModelMetrics = { readonly metric_control?: readonly ModelMetricsMetricControl[] };
export type ConfigMessage = {
  readonly name?: string;
  readonly platform?: string;
  readonly version_policy?: ModelVersionPolicy;
  readonly max_batch_size?: number;
  readonly input?: readonly ModelInput[];
  readonly output?: readonly ModelOutput[];
  readonly instance_group?: readonly ModelInstanceGroup[];
  readonly default_model_filename?: string;
  readonly cc_model_filenames?: { readonly [key: string]: string };
  readonly metric_tags?: { readonly [key: string]: string };
  readonly dynamic_batching?: ModelDynamicBatching;
  readonly sequence_batching?: ModelSequenceBatching;
  readonly ensemble_scheduling?: ModelEnsembling;
  readonly optimization?: ModelOptimizationPolicy;
  readonly parameters?: { readonly [key: string]: ModelParameter };
  readonly model_warmup?: readonly ModelWarmup[];
  readonly backend?: string;
  readonly model_operations?: ModelOperations;
  readonly model_transaction_policy?: ModelTransactionPolicy;
  readonly batch_input?: readonly BatchInput[];
  readonly batch_output?: readonly BatchOutput[];
  readonly model_repository_agents?: ModelRepositoryAgents;
  readonly response_cache?: ModelResponseCache;
  readonly runtime?: string;
  readonly model_metrics?: ModelMetrics;
};
