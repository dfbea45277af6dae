/**
 * Rules of a configuration that concern several fields, or the server on which it is used. Large groups of rules have
 * files of their own; they are put together here.
 */

import { aliasPlatform, checkAlias, isAlias } from '../alias-config.ts';
import { checkEnsemble, ensemblePlatform, isEnsemble } from './check-ensemble.ts';
import { checkDynamicBatching } from './check-scheduling.ts';
import { checkSequenceBatching } from './check-sequence.ts';
import { checkSignature } from './check-signature.ts';
import { checkTensors } from './check-tensors.ts';
import { checkWarmup } from './check-warmup.ts';
import { onnxBackend, onnxPlatform } from '../typed/complete-config.ts';
import type { Findings } from '../findings.ts';
import {
  flagOf,
  has,
  messageOf,
  messagesOf,
  numberOf,
  numbersOf,
  textMapOf,
  textOf,
  textsOf,
} from '../schema/message-fields.ts';
import type { ConfigMessage } from '../model-config.ts';
import { pathWithin } from '../relative-path.ts';
import type { ModelSignature } from '../signature.ts';
import { quoted } from '../syntax/source-tree.ts';
import { didYouMean } from '../suggestion.ts';
import { histogramFamilies } from './metric-families.ts';

/** Checks the fields that are needed to find the model file. `message` has its names completed. */
export function checkIdentity(message: ConfigMessage, modelName: string, findings: Findings): void {
  const { invalid } = findings;
  const name = textOf(message, 'name');
  if (name !== modelName) {
    invalid.push(
      `unexpected directory name ${quoted(modelName)} for model ${quoted(name)}, directory name must equal model name`,
    );
  }
  checkBackend(message, findings);
  checkEnsemble(message, findings);
  checkAlias(message, findings);
  const files = [textOf(message, 'default_model_filename'), ...textMapOf(message, 'cc_model_filenames').values()];
  for (const file of files) {
    if (file !== '' && pathWithin(file) === null) {
      invalid.push(`model file name ${quoted(file)} of model '${name}' must stay within the version's folder`);
    }
  }
  for (const file of textsOf(messageOf(message, 'model_operations') ?? {}, 'op_library_filename')) {
    if (pathWithin(file) === null) {
      invalid.push(
        `op library ${quoted(file)} of model '${name}' must stay within the model's folder, and be written relative to it`,
      );
    }
  }
}

function checkBackend(message: ConfigMessage, { invalid }: Findings): void {
  if (isEnsemble(message) || isAlias(message)) return;
  const backend = textOf(message, 'backend');
  const platform = textOf(message, 'platform');
  const name = textOf(message, 'name');
  if (backend === '' && platform === '') invalid.push(`must specify 'platform' or 'backend' for '${name}'`);
  else if (backend === onnxBackend && platform !== '' && platform !== onnxPlatform) {
    invalid.push(`unexpected 'platform' and 'backend' pair, got:${platform}, ${backend}`);
  } else if (backend === '' || (platform === onnxPlatform && backend !== onnxBackend)) {
    invalid.push(
      platform === onnxPlatform
        ? `unexpected 'platform' and 'backend' pair, got:${platform}, ${backend}`
        : `unexpected platform type '${platform}' for ${name}${didYouMean(platform, [onnxPlatform, aliasPlatform, ensemblePlatform]) || `: this server serves ${onnxPlatform}`}`,
    );
  } else if (backend !== onnxBackend) {
    const hint = didYouMean(backend, [onnxBackend]) || `: this server serves ONNX models, backend '${onnxBackend}'`;
    invalid.push(`unable to find backend library for backend '${backend}' of model '${name}'${hint}`);
  }
}

/** Checks everything else, once names, inputs, outputs and max_batch_size are complete. */
export function checkConfig(message: ConfigMessage, signature: ModelSignature, findings: Findings): void {
  const name = textOf(message, 'name');
  if (numberOf(message, 'max_batch_size') < 0) {
    findings.invalid.push(`'max_batch_size' must be non-negative value for ${name}`);
  }
  checkTensors(message, signature, findings);
  checkSignature(message, signature, findings);
  checkDynamicBatching(message, findings);
  checkSequenceBatching(message, signature, findings);
  checkBatchTensors(message, findings);
  checkWarmup(message, signature, findings);
  checkVersionPolicy(name, message, findings);
  checkMetrics(message, findings);
  checkFiles(name, message, findings);
  checkLeftOut(name, message, findings);
}

function checkBatchTensors(message: ConfigMessage, { invalid, leftOut }: Findings): void {
  const name = textOf(message, 'name');
  const batchInputs = messagesOf(message, 'batch_input');
  const batchOutputs = messagesOf(message, 'batch_output');
  const inputs = new Set(messagesOf(message, 'input').map((input) => textOf(input, 'name')));
  const outputs = new Set(messagesOf(message, 'output').map((output) => textOf(output, 'name')));
  for (const entry of batchInputs) {
    const type = textOf(entry, 'data_type');
    const count = textsOf(entry, 'source_input').length;
    const kind = textOf(entry, 'kind') || 'BATCH_ELEMENT_COUNT';
    if (count !== 1) invalid.push(`batch input kind '${kind}' expects 1 source input, got ${count} for ${name}`);
    if (type !== 'TYPE_INT32' && type !== 'TYPE_FP32') {
      invalid.push(`batch input data type must be TYPE_INT32 or TYPE_FP32 for ${name}`);
    }
  }
  for (const source of [...batchInputs, ...batchOutputs].flatMap((entry) => textsOf(entry, 'source_input'))) {
    if (!inputs.has(source)) invalid.push(`unknown source input name '${source}' for ${name}`);
  }
  const seen = new Set<string>();
  for (const target of batchOutputs.flatMap((entry) => textsOf(entry, 'target_name'))) {
    if (!outputs.has(target)) invalid.push(`unknown target output name '${target}' for ${name}`);
    if (seen.has(target)) invalid.push(`target output name '${target}' can only be specified once for ${name}`);
    seen.add(target);
  }
  if (batchInputs.length > 0) leftOut.push(`model '${name}': batch_input is not supported by this version`);
  if (batchOutputs.length > 0) leftOut.push(`model '${name}': batch_output is not supported by this version`);
}

function checkVersionPolicy(name: string, message: ConfigMessage, { invalid }: Findings): void {
  const specific = messageOf(messageOf(message, 'version_policy') ?? {}, 'specific');
  if (specific === null) return;
  const versions = numbersOf(specific, 'versions');
  if (versions.length === 0) invalid.push(`version_policy specific of model '${name}' lists no versions`);
  for (const version of versions) {
    if (!(version >= 1 && Number.isSafeInteger(version))) {
      invalid.push(`version_policy of model '${name}' asks for version ${version}: versions are positive integers`);
    }
  }
}

const labelPattern = /^[A-Za-z][A-Za-z0-9_]*$/;

function checkMetrics(message: ConfigMessage, { invalid, ignored }: Findings): void {
  for (const tag of textMapOf(message, 'metric_tags').keys()) {
    if (!labelPattern.test(tag)) {
      invalid.push(`metric_tags key ${quoted(tag)} must be a letter followed by letters, digits and underscores`);
    }
  }
  const families = new Set<string>();
  for (const control of messagesOf(messageOf(message, 'model_metrics') ?? {}, 'metric_control')) {
    const identifier = messageOf(control, 'metric_identifier');
    const options = messageOf(control, 'histogram_options');
    const family = identifier === null ? '' : textOf(identifier, 'family');
    const buckets = options === null ? [] : numbersOf(options, 'buckets');
    if (identifier === null) invalid.push("metric control must specify 'metric_identifier'");
    else if (family === '') invalid.push("metric identifier must specify non-empty 'family'");
    else if (families.has(family)) invalid.push(`metric family ${quoted(family)} is given more than once`);
    else if (!histogramFamilies.some((known) => known === family)) {
      const meant = didYouMean(family, histogramFamilies);
      ignored.push(`model_metrics: there is no histogram family ${quoted(family)}${meant}`);
    }
    families.add(family);
    if (options === null) invalid.push("metric control must specify 'histogram_options'");
    else if (buckets.length === 0) invalid.push("histogram options must specify non-empty 'buckets'");
    else if (
      !buckets.every((bound, index) => Number.isFinite(bound) && !(bound <= (buckets[index - 1] ?? -Infinity)))
    ) {
      invalid.push(`histogram buckets of ${quoted(family)} must be finite and ascending`);
    }
  }
}

function checkFiles(name: string, message: ConfigMessage, { invalid }: Findings): void {
  const labels = messagesOf(message, 'output').map((output) => textOf(output, 'label_filename'));
  for (const file of labels) {
    if (file !== '' && pathWithin(file) === null) {
      invalid.push(`label file ${quoted(file)} of model '${name}' must stay within the model's folder`);
    }
  }
  for (const capability of textMapOf(message, 'cc_model_filenames').keys()) {
    if (!/^[0-9]{1,3}\.[0-9]{1,3}$/.test(capability)) {
      invalid.push(
        `cc_model_filenames of model '${name}' expects compute capabilities such as '9.0', got ${quoted(capability)}`,
      );
    }
  }
}

function checkLeftOut(name: string, message: ConfigMessage, { invalid, leftOut, ignored }: Findings): void {
  const isDecoupled = flagOf(messageOf(message, 'model_transaction_policy') ?? {}, 'decoupled');
  const isCached = flagOf(messageOf(message, 'response_cache') ?? {}, 'enable');
  if (isCached && has(message, 'sequence_batching')) {
    invalid.push(
      `Response Cache does not currently support model ${name} with sequence batching scheduler. Please disable the response cache.`,
    );
  }
  if (isCached && isDecoupled) {
    invalid.push(
      `Response Cache does not currently support model ${name} with 'decoupled' transaction policy. Please disable the response cache.`,
    );
  }
  if (isDecoupled)
    leftOut.push(`model '${name}': decoupled is not possible, an ONNX model gives one response to a request`);
  if (isCached) leftOut.push(`model '${name}': response_cache is not supported by this version`);
  if (messagesOf(messageOf(message, 'model_repository_agents') ?? {}, 'agents').length > 0) {
    leftOut.push(`model '${name}': model_repository_agents are not supported by this version`);
  }
  if (textOf(message, 'runtime') !== '') ignored.push('runtime: there is one runtime for all ONNX models');
  noteOptimization(messageOf(message, 'optimization') ?? {}, ignored);
}

/** Defaults are not reported, because the endpoint's answer contains them all. */
function noteOptimization(optimization: ConfigMessage, ignored: string[]): void {
  const note = (field: string, isAsked: boolean, reason: string): void => {
    if (isAsked) ignored.push(`optimization.${field}: ${reason}`);
  };
  const isUnpinned = (field: string): boolean => {
    const buffer = messageOf(optimization, field);
    return buffer !== null && !flagOf(buffer, 'enable');
  };
  const priority = textOf(optimization, 'priority');
  const threshold = numberOf(optimization, 'gather_kernel_buffer_threshold');
  note('priority', priority !== '' && priority !== 'PRIORITY_DEFAULT', 'ONNX Runtime has no priorities between models');
  note('cuda', has(optimization, 'cuda'), "for TensorRT models; the 'cuda' accelerator has enable_cuda_graph");
  note(
    'input_pinned_memory',
    isUnpinned('input_pinned_memory'),
    'inputs for a GPU are always gathered in pinned memory',
  );
  note(
    'output_pinned_memory',
    isUnpinned('output_pinned_memory'),
    'outputs of a GPU are always read into pinned memory',
  );
  note('gather_kernel_buffer_threshold', threshold > 0, 'batches are gathered on the host');
  note('eager_batching', flagOf(optimization, 'eager_batching'), 'a batch is gathered by the instance that runs it');
}
