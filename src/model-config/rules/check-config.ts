/**
 * Rules of a configuration that concern several fields, or the server on which it is used. Large groups of rules have
 * files of their own; they are put together here.
 */

import { quoted, shownText } from '../../shown-text.ts';
import type { Findings } from '../findings.ts';
import { isEnsemble, onnxBackend, onnxPlatform, platformsWithoutBackend } from '../platforms.ts';
import { pathWithin } from '../relative-path.ts';
import type { ConfigMessage, ModelOptimizationPolicy } from '../schema/config-message.ts';
import type { ModelSignature } from '../signature.ts';
import { didYouMean } from '../suggestion.ts';
import { checkAlias } from './check-alias.ts';
import { checkDynamicBatching } from './check-dynamic-batching.ts';
import { checkEnsemble } from './check-ensemble.ts';
import { checkSequenceBatching } from './check-sequence.ts';
import { checkSignature } from './check-signature.ts';
import { checkTensors } from './check-tensors.ts';
import { checkWarmup } from './check-warmup.ts';
import { histogramFamilies } from './metric-families.ts';

/** Checks the fields that are needed to find the model file. `message` has its names completed. */
export function checkIdentity(message: ConfigMessage, modelName: string, findings: Findings): void {
  const { name = '', cc_model_filenames: byCapability = {} } = message;
  if (name !== modelName) {
    findings.refuse(
      `unexpected directory name ${quoted(modelName)} for model ${quoted(name)}, directory name must equal model name`,
      message,
      'name',
    );
  }
  checkBackend(message, findings);
  checkEnsemble(message, findings);
  checkAlias(message, findings);
  const leaves = (file: string): boolean => file !== '' && pathWithin(file) === null;
  const leavesText = (file: string): string =>
    `model file name ${quoted(file)} of model ${quoted(name)} must stay within the version's folder`;
  const byDefault = message.default_model_filename ?? '';
  if (leaves(byDefault)) findings.refuse(leavesText(byDefault), message, 'default_model_filename');
  for (const [capability, file] of Object.entries(byCapability)) {
    if (leaves(file)) findings.refuse(leavesText(file), byCapability, capability);
  }
  const { model_operations: operations = {} } = message;
  for (const file of operations.op_library_filename ?? []) {
    if (pathWithin(file) !== null) continue;
    findings.refuse(
      `op library ${quoted(file)} of model ${quoted(name)} must stay within the model's folder, and be written relative to it`,
      operations,
      'op_library_filename',
    );
  }
}

function checkBackend(message: ConfigMessage, findings: Findings): void {
  const { name = '', backend = '', platform = '' } = message;
  if (platformsWithoutBackend.includes(platform) || isEnsemble(message)) return;
  const mismatch = `unexpected 'platform' and 'backend' pair, got:${shownText(platform)}, ${shownText(backend)}`;
  if (backend === '' && platform === '')
    findings.refuse(`must specify 'platform' or 'backend' for ${quoted(name)}`, message);
  else if (backend === onnxBackend && platform !== '' && platform !== onnxPlatform) {
    findings.refuse(mismatch, message, 'platform');
  } else if (platform === onnxPlatform && backend !== onnxBackend) findings.refuse(mismatch, message, 'backend');
  else if (backend === '') {
    const meant = didYouMean(platform, [onnxPlatform, ...platformsWithoutBackend]);
    const hint = meant || `: this server serves ${onnxPlatform}`;
    findings.refuse(`unexpected platform type ${quoted(platform)} for ${shownText(name)}${hint}`, message, 'platform');
  } else if (backend !== onnxBackend) {
    const hint = didYouMean(backend, [onnxBackend]) || `: this server serves ONNX models, backend '${onnxBackend}'`;
    const text = `unable to find backend library for backend ${quoted(backend)} of model ${quoted(name)}${hint}`;
    findings.refuse(text, message, 'backend');
  }
}

/** Checks everything else, once names, inputs, outputs and max_batch_size are complete. */
export function checkConfig(message: ConfigMessage, signature: ModelSignature, findings: Findings): void {
  const { name = '', max_batch_size: maxBatchSize = 0 } = message;
  if (maxBatchSize < 0) {
    findings.refuse(`'max_batch_size' must be non-negative value for ${name}`, message, 'max_batch_size');
  }
  checkTensors(message, signature, findings);
  checkSignature(message, signature, findings);
  checkDynamicBatching(message, findings);
  checkSequenceBatching(message, signature, findings);
  checkBatchTensors(message, findings);
  checkWarmup(message, signature, findings);
  checkVersionPolicy(message, findings);
  checkMetrics(message, findings);
  checkFiles(message, findings);
  checkLeftOut(message, findings);
}

function checkBatchTensors(message: ConfigMessage, findings: Findings): void {
  const { name = '', batch_input: batchInputs = [], batch_output: batchOutputs = [] } = message;
  const inputs = new Set(message.input?.map((input) => input.name ?? ''));
  const outputs = new Set(message.output?.map((output) => output.name ?? ''));
  for (const entry of batchInputs) {
    const { kind = 'BATCH_ELEMENT_COUNT', source_input: sources = [], data_type: type } = entry;
    if (sources.length !== 1) {
      const text = `batch input kind ${quoted(kind)} expects 1 source input, got ${sources.length} for ${name}`;
      findings.refuse(text, entry, 'source_input');
    }
    if (type !== 'TYPE_INT32' && type !== 'TYPE_FP32') {
      findings.refuse(`batch input data type must be TYPE_INT32 or TYPE_FP32 for ${name}`, entry, 'data_type');
    }
  }
  for (const entry of [...batchInputs, ...batchOutputs]) {
    for (const source of entry.source_input ?? []) {
      if (!inputs.has(source))
        findings.refuse(`unknown source input name ${quoted(source)} for ${name}`, entry, 'source_input');
    }
  }
  const seen = new Set<string>();
  for (const entry of batchOutputs) {
    for (const target of entry.target_name ?? []) {
      if (!outputs.has(target))
        findings.refuse(`unknown target output name ${quoted(target)} for ${name}`, entry, 'target_name');
      if (seen.has(target)) {
        findings.refuse(
          `target output name ${quoted(target)} can only be specified once for ${name}`,
          entry,
          'target_name',
        );
      }
      seen.add(target);
    }
  }
  if (batchInputs.length > 0) {
    findings.leaveOut(`model '${name}': batch_input is not supported by this version`, message, 'batch_input');
  }
  if (batchOutputs.length > 0) {
    findings.leaveOut(`model '${name}': batch_output is not supported by this version`, message, 'batch_output');
  }
}

function checkVersionPolicy({ name = '', version_policy: policy }: ConfigMessage, findings: Findings): void {
  const specific = policy?.specific;
  if (specific === undefined) return;
  const versions = (specific.versions ?? []).map(Number);
  if (versions.length === 0) findings.refuse(`version_policy specific of model '${name}' lists no versions`, specific);
  for (const version of versions) {
    if (version >= 1 && Number.isSafeInteger(version)) continue;
    const text = `version_policy of model '${name}' asks for version ${version}: versions are positive integers`;
    findings.refuse(text, specific, 'versions');
  }
}

const labelPattern = /^[A-Za-z][A-Za-z0-9_]*$/;

function checkMetrics(
  { metric_tags: tags = {}, model_metrics: metrics = {} }: ConfigMessage,
  findings: Findings,
): void {
  for (const tag of Object.keys(tags)) {
    if (labelPattern.test(tag)) continue;
    const text = `metric_tags key ${quoted(tag)} must be a letter followed by letters, digits and underscores`;
    findings.refuse(text, tags, tag);
  }
  const families = new Set<string>();
  for (const control of metrics.metric_control ?? []) {
    const { metric_identifier: identifier, histogram_options: options } = control;
    const family = identifier?.family ?? '';
    const buckets = options?.buckets ?? [];
    if (identifier === undefined) findings.refuse("metric control must specify 'metric_identifier'", control);
    else if (family === '') findings.refuse("metric identifier must specify non-empty 'family'", identifier, 'family');
    else if (families.has(family)) {
      findings.refuse(`metric family ${quoted(family)} is given more than once`, identifier, 'family');
    } else if (!histogramFamilies.some((known) => known === family)) {
      const meant = didYouMean(family, histogramFamilies);
      const text = `model_metrics: there is no histogram family ${quoted(family)}${meant}`;
      findings.ignore(text, identifier, 'family');
    }
    families.add(family);
    if (options === undefined) findings.refuse("metric control must specify 'histogram_options'", control);
    else if (buckets.length === 0) {
      findings.refuse("histogram options must specify non-empty 'buckets'", options, 'buckets');
    } else if (!isAscending(buckets)) {
      findings.refuse(`histogram buckets of ${quoted(family)} must be finite and ascending`, options, 'buckets');
    }
  }
}

const isAscending = (bounds: readonly number[]): boolean =>
  bounds.every((bound, index) => Number.isFinite(bound) && !(bound <= (bounds[index - 1] ?? -Infinity)));

function checkFiles(message: ConfigMessage, findings: Findings): void {
  const { name = '', output: outputs = [], cc_model_filenames: byCapability = {} } = message;
  for (const output of outputs) {
    const file = output.label_filename ?? '';
    if (file === '' || pathWithin(file) !== null) continue;
    const text = `label file ${quoted(file)} of model '${name}' must stay within the model's folder`;
    findings.refuse(text, output, 'label_filename');
  }
  for (const capability of Object.keys(byCapability)) {
    if (/^[0-9]{1,3}\.[0-9]{1,3}$/.test(capability)) continue;
    const text = `cc_model_filenames of model '${name}' expects compute capabilities such as '9.0', got ${quoted(capability)}`;
    findings.refuse(text, byCapability, capability);
  }
}

function checkLeftOut(message: ConfigMessage, findings: Findings): void {
  const { name = '', response_cache: cache, model_transaction_policy: transactions, runtime = '' } = message;
  const isCached = cache?.enable === true;
  const isDecoupled = transactions?.decoupled === true;
  if (isCached && message.sequence_batching !== undefined) {
    findings.refuse(
      `Response Cache does not currently support model ${name} with sequence batching scheduler. Please disable the response cache.`,
      cache,
    );
  }
  if (isCached && isDecoupled) {
    findings.refuse(
      `Response Cache does not currently support model ${name} with 'decoupled' transaction policy. Please disable the response cache.`,
      cache,
    );
  }
  if (isDecoupled) {
    const text = `model '${name}': decoupled is not possible, an ONNX model gives one response to a request`;
    findings.leaveOut(text, transactions, 'decoupled');
  }
  if (isCached) findings.leaveOut(`model '${name}': response_cache is not supported by this version`, cache);
  if ((message.model_repository_agents?.agents ?? []).length > 0) {
    const text = `model '${name}': model_repository_agents are not supported by this version`;
    findings.leaveOut(text, message, 'model_repository_agents');
  }
  if (runtime !== '') findings.ignore('runtime: there is one runtime for all ONNX models', message, 'runtime');
  noteOptimization(message.optimization ?? {}, findings);
}

/** Defaults are not reported, because the endpoint's answer contains them all. */
function noteOptimization(optimization: ModelOptimizationPolicy, findings: Findings): void {
  const note = (field: keyof ModelOptimizationPolicy, isSet: boolean, reason: string): void => {
    if (isSet) findings.ignore(`optimization.${field}: ${reason}`, optimization, field);
  };
  const { priority = 'PRIORITY_DEFAULT', cuda, gather_kernel_buffer_threshold: threshold = 0 } = optimization;
  const { input_pinned_memory: pinnedInput, output_pinned_memory: pinnedOutput } = optimization;
  const isUnpinned = (buffer: typeof pinnedInput): boolean => buffer !== undefined && buffer.enable !== true;
  note('priority', priority !== 'PRIORITY_DEFAULT', 'ONNX Runtime has no priorities between models');
  note(
    'cuda',
    cuda !== undefined && cuda.graphs !== true,
    'only graphs and the batch sizes of graph_spec have an effect',
  );
  note('input_pinned_memory', isUnpinned(pinnedInput), 'inputs for a GPU are always gathered in pinned memory');
  note('output_pinned_memory', isUnpinned(pinnedOutput), 'outputs of a GPU are always read into pinned memory');
  note('gather_kernel_buffer_threshold', threshold > 0, 'batches are gathered on the host');
  note('eager_batching', optimization.eager_batching === true, 'a batch is gathered by the instance that runs it');
}
