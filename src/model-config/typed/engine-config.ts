/**
 * Translates `parameters`, `optimization` and `model_operations` into options of ONNX Runtime, under its own names.
 * Values are checked here, because the runtime's own messages do not name the field.
 */

import { tensorrtOptions } from './execution-accelerators.ts';
import type { Findings } from '../findings.ts';
import { messageMapOf, messageOf, messagesOf, numberOf, textMapOf, textOf, textsOf } from '../schema/message-fields.ts';
import type { ConfigMessage, EngineConfig } from '../model-config.ts';

/** Session configuration entries of ONNX Runtime that are passed on; those that name files are not among them. */
const sessionEntryKeys: ReadonlySet<string> = new Set([
  'session.use_device_allocator_for_initializers',
  'session.disable_prepacking',
  'session.set_denormal_as_zero',
  'session.intra_op.allow_spinning',
  'session.inter_op.allow_spinning',
  'session.force_spinning_stop',
  'session.dynamic_block_base',
  'session.disable_quant_qdq',
  'session.enable_quant_qdq_cleanup',
  'session.disable_double_qdq_remover',
  'session.x64quantprecision',
]);

const shrinkageKey = 'memory.enable_memory_arena_shrinkage';
const batchStrategyKey = 'TRITON_BATCH_STRATEGY_PATH';

/** CUDA provider options that Triton takes as parameters, by Triton's names, with the texts of their numbers. */
const cudaParameters: Readonly<Record<string, readonly string[] | 'bytes'>> = {
  cudnn_conv_algo_search: ['EXHAUSTIVE', 'HEURISTIC', 'DEFAULT'],
  arena_extend_strategy: ['kNextPowerOfTwo', 'kSameAsRequested'],
  do_copy_in_default_stream: ['0', '1'],
  gpu_mem_limit: 'bytes',
};

const mostThreads = 4096;

/** `parameters` as name and text; the message allows nothing else. */
export const parametersOf = (message: ConfigMessage): ReadonlyMap<string, string> =>
  new Map([...messageMapOf(message, 'parameters')].map(([key, value]) => [key, textOf(value, 'string_value')]));

export function readEngineConfig(message: ConfigMessage, usesGpu: boolean, findings: Findings): EngineConfig {
  const parameters = parametersOf(message);
  const number = (key: string, fallback: number, most: number): number =>
    numberParameter(parameters, key, fallback, most, findings);
  const accelerators = readAccelerators(message, findings);
  const cudaOptions = new Map<string, string>();
  for (const key of Object.keys(cudaParameters)) addCudaParameter(key, parameters, cudaOptions, findings);
  for (const [key, value] of accelerators.cuda) cudaOptions.set(key, value);
  if (!usesGpu && (cudaOptions.size > 0 || accelerators.tensorrt !== null)) {
    findings.ignored.push('optimization.execution_accelerators, CUDA parameters: all instances are on the CPU');
  }
  noteUnknown(parameters, findings);
  const shrinkage = parameters.get(shrinkageKey);
  return {
    intraOpThreads: number('intra_op_thread_count', 0, mostThreads),
    interOpThreads: number('inter_op_thread_count', 0, mostThreads),
    executionMode: number('execution_mode', 0, 1) === 1 ? 'parallel' : 'sequential',
    graphOptimizationLevel: graphLevel(message),
    enableMemoryArena: number('enable_mem_arena', 1, 1) === 1,
    enableMemoryPattern: number('enable_mem_pattern', 1, 1) === 1,
    sessionEntries: new Map([...parameters].filter(([key]) => sessionEntryKeys.has(key))),
    runEntries: new Map(shrinkage === undefined ? [] : [[shrinkageKey, checkedShrinkage(shrinkage, findings)]]),
    cudaOptions,
    tensorrtOptions: accelerators.tensorrt,
    customOpLibraries: textsOf(messageOf(message, 'model_operations') ?? {}, 'op_library_filename'),
  };
}

/** The numbers do not rise with the effort. This is what Triton's code does, although its comments say otherwise. */
function graphLevel(message: ConfigMessage): EngineConfig['graphOptimizationLevel'] {
  const graph = messageOf(messageOf(message, 'optimization') ?? {}, 'graph');
  const level = graph === null ? 0 : numberOf(graph, 'level');
  if (level === -1) return 1;
  if (level === 1) return 2;
  return level === 2 ? 0 : 99;
}

function numberParameter(
  parameters: ReadonlyMap<string, string>,
  key: string,
  fallback: number,
  most: number,
  findings: Findings,
): number {
  const text = parameters.get(key);
  if (text === undefined) return fallback;
  const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : -1;
  if (value >= 0 && value <= most) return value;
  findings.invalid.push(`parameter '${key}' expects an integer in 0…${most}, got '${text.slice(0, 64)}'`);
  return fallback;
}

function addCudaParameter(
  key: string,
  parameters: ReadonlyMap<string, string>,
  options: Map<string, string>,
  findings: Findings,
): void {
  const text = parameters.get(key);
  const texts = cudaParameters[key];
  if (text === undefined || texts === undefined) return;
  if (texts === 'bytes') {
    if (/^[0-9]{1,19}$/.test(text)) options.set(key, text);
    else findings.invalid.push(`parameter '${key}' expects a number of bytes, got '${text.slice(0, 64)}'`);
    return;
  }
  options.set(key, texts[numberParameter(parameters, key, 0, texts.length - 1, findings)] ?? '');
}

/** `cpu:0;gpu:1` */
function checkedShrinkage(text: string, findings: Findings): string {
  if (!/^(cpu|gpu):[0-9]{1,4}(;(cpu|gpu):[0-9]{1,4})*$/.test(text)) {
    findings.invalid.push(
      `parameter '${shrinkageKey}' expects devices such as 'cpu:0;gpu:0', got '${text.slice(0, 64)}'`,
    );
  }
  return text;
}

const knownParameters: ReadonlySet<string> = new Set([
  'intra_op_thread_count',
  'inter_op_thread_count',
  'execution_mode',
  'enable_mem_arena',
  'enable_mem_pattern',
  shrinkageKey,
  ...sessionEntryKeys,
  ...Object.keys(cudaParameters),
]);

function noteUnknown(parameters: ReadonlyMap<string, string>, { ignored, leftOut }: Findings): void {
  for (const key of parameters.keys()) {
    if (key === batchStrategyKey) leftOut.push(`parameter '${key}': batching plug-ins are not supported`);
    else if (!knownParameters.has(key)) ignored.push(`parameters '${key.slice(0, 64)}': not known to this server`);
  }
}

interface Accelerators {
  readonly cuda: ReadonlyMap<string, string>;
  readonly tensorrt: ReadonlyMap<string, string> | null;
}

function readAccelerators(message: ConfigMessage, findings: Findings): Accelerators {
  const accelerators = messageOf(messageOf(message, 'optimization') ?? {}, 'execution_accelerators') ?? {};
  const cuda = new Map<string, string>();
  let tensorrt: ReadonlyMap<string, string> | null = null;
  for (const entry of messagesOf(accelerators, 'gpu_execution_accelerator')) {
    const name = textOf(entry, 'name');
    if (name === 'cuda') addCudaOptions(textMapOf(entry, 'parameters'), cuda, findings);
    else if (name === 'tensorrt') tensorrt = tensorrtOptions(textMapOf(entry, 'parameters'), findings);
    else findings.invalid.push(`unknown Execution Accelerator '${name}' is requested`);
  }
  for (const entry of messagesOf(accelerators, 'cpu_execution_accelerator')) {
    const name = textOf(entry, 'name');
    if (name === 'openvino') {
      findings.leftOut.push(
        "the Execution Accelerator 'openvino' is not part of the ONNX Runtime build that is used here",
      );
    } else findings.invalid.push(`unknown Execution Accelerator '${name}' is requested`);
  }
  return { cuda, tensorrt };
}

/** Options that the server itself decides. */
const ownCudaOptions: ReadonlySet<string> = new Set(['device_id', 'has_user_compute_stream', 'user_compute_stream']);

function addCudaOptions(given: ReadonlyMap<string, string>, cuda: Map<string, string>, { ignored }: Findings): void {
  for (const [key, value] of given) {
    if (ownCudaOptions.has(key)) ignored.push(`cuda accelerator parameter '${key}': set by the server`);
    else cuda.set(key, value);
  }
}
