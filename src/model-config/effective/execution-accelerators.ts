/** Parameters of the `tensorrt` accelerator → options of ONNX Runtime's TensorRT provider. */

import { quoted } from '../../shown-text.ts';
import { isOff, isOn } from './graph-rows.ts';
import type { Findings } from '../findings.ts';
import type { ModelOptimizationPolicyExecutionAcceleratorsAccelerator } from '../schema/config-message.ts';

const precisions: Readonly<Record<string, string | null>> = {
  FP32: null,
  FP16: 'trt_fp16_enable',
  BF16: 'trt_bf16_enable',
  INT8: 'trt_int8_enable',
};

const renamed: Readonly<Record<string, { readonly option: string; readonly isFlag: boolean }>> = {
  max_workspace_size_bytes: { option: 'trt_max_workspace_size', isFlag: false },
  int8_calibration_table_name: { option: 'trt_int8_calibration_table_name', isFlag: false },
  int8_use_native_calibration_table: { option: 'trt_int8_use_native_calibration_table', isFlag: true },
};

const flags: ReadonlySet<string> = new Set([
  'trt_engine_cache_enable',
  'trt_dump_subgraphs',
  'trt_force_sequential_engine_build',
  'trt_context_memory_sharing_enable',
  'trt_layer_norm_fp32_fallback',
  'trt_timing_cache_enable',
  'trt_force_timing_cache',
  'trt_detailed_build_log',
  'trt_build_heuristics_enable',
  'trt_sparsity_enable',
  'trt_dump_ep_context_model',
  'trt_dla_enable',
]);

const graphFlag = 'trt_cuda_graph_enable';

const texts: ReadonlySet<string> = new Set([
  'trt_max_partition_iterations',
  'trt_min_subgraph_size',
  'trt_engine_cache_path',
  'trt_engine_cache_prefix',
  'trt_timing_cache_path',
  'trt_builder_optimization_level',
  'trt_auxiliary_streams',
  'trt_tactic_sources',
  'trt_extra_plugin_lib_paths',
  'trt_profile_min_shapes',
  'trt_profile_max_shapes',
  'trt_profile_opt_shapes',
  'trt_ep_context_file_path',
  'trt_ep_context_embed_mode',
  'trt_dla_core',
]);

export function tensorrtOptions(
  { parameters = {} }: ModelOptimizationPolicyExecutionAcceleratorsAccelerator,
  findings: Findings,
): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (const [key, value] of Object.entries(parameters)) {
    if (key === graphFlag) {
      // A graph that TensorRT captures reads its inputs from the addresses of the captured run, and each batch has its
      // inputs elsewhere, so it would be answered from an earlier batch.
      const text = `tensorrt accelerator parameter ${quoted(key)}: inputs of batches move, so TensorRT's graphs are not used`;
      if (isOn(value)) findings.ignore(text, parameters, key);
      continue;
    }
    const problem = addOption(key, value, options);
    if (problem !== null) findings.refuse(problem, parameters, key);
  }
  return options;
}

/** The fault of the option; null when it was added. */
function addOption(key: string, value: string, options: Map<string, string>): string | null {
  if (key === 'precision_mode') return addPrecision(value, options);
  if (flags.has(key)) return addFlag(key, key, value, options);
  const known = texts.has(key)
    ? { option: key, isFlag: false }
    : Object.hasOwn(renamed, key)
      ? renamed[key]
      : undefined;
  if (known === undefined) return `unknown parameter ${quoted(key)} is provided for TensorRT Execution Accelerator`;
  if (known.isFlag) return addFlag(key, known.option, value, options);
  options.set(known.option, value);
  return null;
}

function addPrecision(value: string, options: Map<string, string>): string | null {
  const option = Object.hasOwn(precisions, value) ? precisions[value] : undefined;
  if (option === undefined) {
    return `TensorRT precision_mode expects FP32, FP16, BF16 or INT8, got ${quoted(value)}`;
  }
  if (option !== null) options.set(option, '1');
  return null;
}

function addFlag(key: string, option: string, value: string, options: Map<string, string>): string | null {
  if (!isOn(value) && !isOff(value)) {
    return `TensorRT parameter ${quoted(key)} expects true, false, 1 or 0, got ${quoted(value)}`;
  }
  options.set(option, isOn(value) ? '1' : '0');
  return null;
}
