/** Parameters of the `tensorrt` accelerator → options of ONNX Runtime's TensorRT provider. */

import type { Findings } from '../findings.ts';

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
  'trt_cuda_graph_enable',
  'trt_dump_ep_context_model',
  'trt_dla_enable',
]);

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
  parameters: ReadonlyMap<string, string>,
  findings: Findings,
): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (const [key, value] of parameters) {
    if (key === 'precision_mode') addPrecision(value, options, findings);
    else if (texts.has(key)) options.set(key, value);
    else if (flags.has(key)) addFlag(key, key, value, options, findings);
    else {
      const known = Object.hasOwn(renamed, key) ? renamed[key] : undefined;
      if (known === undefined) {
        findings.invalid.push(`unknown parameter '${key}' is provided for TensorRT Execution Accelerator`);
      } else if (known.isFlag) addFlag(key, known.option, value, options, findings);
      else options.set(known.option, value);
    }
  }
  return options;
}

function addPrecision(value: string, options: Map<string, string>, findings: Findings): void {
  const option = Object.hasOwn(precisions, value) ? precisions[value] : undefined;
  if (option === undefined) {
    findings.invalid.push(`TensorRT precision_mode expects FP32, FP16, BF16 or INT8, got '${value.slice(0, 64)}'`);
  } else if (option !== null) options.set(option, '1');
}

function addFlag(key: string, option: string, value: string, options: Map<string, string>, findings: Findings): void {
  const word = value.toLowerCase();
  if (word === 'true' || word === '1') options.set(option, '1');
  else if (word === 'false' || word === '0') options.set(option, '0');
  else findings.invalid.push(`TensorRT parameter '${key}' expects true, false, 1 or 0, got '${value.slice(0, 64)}'`);
}
