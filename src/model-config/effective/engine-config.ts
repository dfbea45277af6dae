/**
 * Translates `parameters`, `optimization` and `model_operations` into options of ONNX Runtime, under its own names.
 * Values are checked here, because the runtime's own messages do not name the field.
 */

import { quoted } from '../../shown-text.ts';
import { tensorrtOptions } from './execution-accelerators.ts';
import { asksForGraphs, graphOption, readGraphRows } from './graph-rows.ts';
import type { Findings } from '../findings.ts';
import type { EngineConfig } from '../model-config.ts';
import { parametersOf } from '../parameters.ts';
import type {
  ConfigMessage,
  ModelOptimizationPolicyExecutionAcceleratorsAccelerator,
} from '../schema/config-message.ts';

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
  'session.disable_cpu_ep_fallback',
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

/** What the options depend on beside the configuration. */
interface EngineSurroundings {
  readonly usesGpu: boolean;
  /** Names of the registered execution providers. */
  readonly plugins: readonly string[];
}

/** @param sharedScale the operator by which rows of a batch influence each other; undefined for none or not known yet */
export function readEngineConfig(
  message: ConfigMessage,
  { usesGpu, plugins }: EngineSurroundings,
  findings: Findings,
  sharedScale?: string,
): EngineConfig {
  const parameters = new EngineParameters(message, findings);
  const accelerators = readAccelerators(message, plugins, findings);
  const cudaOptions = new Map([...parameters.cudaOptions(), ...accelerators.cuda]);
  const runEntries = parameters.runEntries();
  if (!usesGpu && (cudaOptions.size > 0 || accelerators.tensorrt !== null || asksForGraphs(message))) {
    const text = 'optimization.execution_accelerators, CUDA parameters: all instances are on the CPU';
    findings.ignore(text, message, 'optimization');
  }
  parameters.noteUnknown();
  return {
    intraOpThreads: parameters.number('intra_op_thread_count', 0, mostThreads),
    interOpThreads: parameters.number('inter_op_thread_count', 0, mostThreads),
    executionMode: parameters.number('execution_mode', 0, 1) === 1 ? 'parallel' : 'sequential',
    graphOptimizationLevel: graphLevel(message),
    enableMemoryArena: parameters.number('enable_mem_arena', 1, 1) === 1,
    enableMemoryPattern: parameters.number('enable_mem_pattern', 1, 1) === 1,
    sessionEntries: parameters.sessionEntries(),
    runEntries,
    cudaOptions,
    tensorrtOptions: accelerators.tensorrt,
    plugin: accelerators.plugin,
    graphRows: usesGpu ? readGraphRows(message, { sharedScale, runEntries }, findings) : [],
    customOpLibraries: message.model_operations?.op_library_filename ?? [],
  };
}

/** The numbers do not rise with the effort. This is what Triton's code does, although its comments say otherwise. */
function graphLevel({ optimization }: ConfigMessage): EngineConfig['graphOptimizationLevel'] {
  const level = optimization?.graph?.level ?? 0;
  if (level === -1) return 1;
  if (level === 1) return 2;
  return level === 2 ? 0 : 99;
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

/** Reads `parameters`; a value that cannot be read is told, and reads as if it were not there. */
class EngineParameters {
  readonly #written: NonNullable<ConfigMessage['parameters']>;
  readonly #texts: ReadonlyMap<string, string>;
  readonly #findings: Findings;

  constructor(message: ConfigMessage, findings: Findings) {
    this.#written = message.parameters ?? {};
    this.#texts = parametersOf(message);
    this.#findings = findings;
  }

  number(key: string, fallback: number, most: number): number {
    const text = this.#texts.get(key);
    if (text === undefined) return fallback;
    const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : -1;
    if (value >= 0 && value <= most) return value;
    this.#refuse(key, `parameter ${quoted(key)} expects an integer in 0…${most}, got ${quoted(text)}`);
    return fallback;
  }

  /** Under the names of ONNX Runtime's CUDA provider. */
  cudaOptions(): ReadonlyMap<string, string> {
    const options = new Map<string, string>();
    for (const [key, values] of Object.entries(cudaParameters)) {
      const text = this.#texts.get(key);
      if (text === undefined) continue;
      if (values !== 'bytes') options.set(key, values[this.number(key, 0, values.length - 1)] ?? '');
      else if (/^[0-9]{1,19}$/.test(text)) options.set(key, text);
      else this.#refuse(key, `parameter ${quoted(key)} expects a number of bytes, got ${quoted(text)}`);
    }
    return options;
  }

  sessionEntries(): ReadonlyMap<string, string> {
    return new Map([...this.#texts].filter(([key]) => sessionEntryKeys.has(key)));
  }

  /** `cpu:0;gpu:1` */
  runEntries(): ReadonlyMap<string, string> {
    const text = this.#texts.get(shrinkageKey);
    if (text === undefined) return new Map();
    if (!/^(cpu|gpu):[0-9]{1,4}(;(cpu|gpu):[0-9]{1,4})*$/.test(text)) {
      const got = quoted(text);
      this.#refuse(shrinkageKey, `parameter '${shrinkageKey}' expects devices such as 'cpu:0;gpu:0', got ${got}`);
    }
    return new Map([[shrinkageKey, text]]);
  }

  noteUnknown(): void {
    for (const key of this.#texts.keys()) {
      if (key === batchStrategyKey) {
        this.#findings.leaveOut(`parameter ${quoted(key)}: batching plug-ins are not supported`, this.#written, key);
      } else if (!knownParameters.has(key)) {
        this.#findings.ignore(`parameters ${quoted(key)}: not known to this server`, this.#written, key);
      }
    }
  }

  #refuse(key: string, text: string): void {
    this.#findings.refuse(text, this.#written, key);
  }
}

interface Accelerators {
  readonly cuda: ReadonlyMap<string, string>;
  readonly tensorrt: ReadonlyMap<string, string> | null;
  readonly plugin: EngineConfig['plugin'];
}

function readAccelerators(
  { optimization }: ConfigMessage,
  plugins: readonly string[],
  findings: Findings,
): Accelerators {
  const { gpu_execution_accelerator: onGpu = [], cpu_execution_accelerator: onCpu = [] } =
    optimization?.execution_accelerators ?? {};
  const cuda = new Map<string, string>();
  let tensorrt: ReadonlyMap<string, string> | null = null;
  const isPlugin = ({ name = '' }: ModelOptimizationPolicyExecutionAcceleratorsAccelerator): boolean =>
    plugins.includes(name);
  const [plugin, second] = [...onGpu, ...onCpu].filter(isPlugin);
  if (second !== undefined) {
    const text = `a second execution provider ${quoted(second.name ?? '')} is requested; a model takes one`;
    findings.refuse(text, second, 'name');
  }
  for (const entry of onGpu) {
    if (isPlugin(entry)) continue;
    if (entry.name === 'cuda') addCudaOptions(entry, cuda, findings);
    else if (entry.name === 'tensorrt') tensorrt = tensorrtOptions(entry, findings);
    else findings.refuse(`unknown Execution Accelerator ${quoted(entry.name ?? '')} is requested`, entry, 'name');
  }
  for (const entry of onCpu) {
    if (isPlugin(entry)) continue;
    if (entry.name !== 'openvino') {
      findings.refuse(`unknown Execution Accelerator ${quoted(entry.name ?? '')} is requested`, entry, 'name');
      continue;
    }
    const text = "the Execution Accelerator 'openvino' is not part of the ONNX Runtime build that is used here";
    findings.leaveOut(text, entry, 'name');
  }
  return { cuda, tensorrt, plugin: plugin === undefined ? null : pluginUse(plugin) };
}

const pluginUse = ({ name = '', parameters = {} }: ModelOptimizationPolicyExecutionAcceleratorsAccelerator) => ({
  name,
  options: new Map(Object.entries(parameters)),
});

/** Options that the server itself decides, and addresses in its memory, which no configuration can know. */
const ownCudaOptions: ReadonlySet<string> = new Set([
  'device_id',
  'has_user_compute_stream',
  'user_compute_stream',
  'gpu_external_alloc',
  'gpu_external_free',
  'gpu_external_empty_cache',
]);

function addCudaOptions(
  { parameters = {} }: ModelOptimizationPolicyExecutionAcceleratorsAccelerator,
  cuda: Map<string, string>,
  findings: Findings,
): void {
  for (const [key, value] of Object.entries(parameters)) {
    if (ownCudaOptions.has(key)) {
      findings.ignore(`cuda accelerator parameter ${quoted(key)}: set by the server`, parameters, key);
    } else if (key !== graphOption) cuda.set(key, value);
  }
}
