/**
 * Completes a configuration from the folder (names) and from the model file (inputs, outputs, batching), as Triton's
 * auto-complete does. Differences: a written `max_batch_size: 0` stays 0; whether
 * a model batches is judged by `batching-rule.ts`; a side listed with full shapes means a model that does not batch.
 */

import { datatypes } from '../../tensor/datatype.ts';
import { canBatch, shouldBatch } from './batching-rule.ts';
import type { ConfigSettings } from '../config-settings.ts';
import type { Findings } from '../findings.ts';
import {
  has,
  listOf,
  messageOf,
  messagesOf,
  newMessage,
  numberOf,
  textOf,
  withFields,
} from '../schema/message-fields.ts';
import type { BatchingDecision, ConfigMessage } from '../model-config.ts';
import { type ModelSignature, type TensorSpec, tensorNamed } from '../signature.ts';

export const onnxBackend = 'onnxruntime';
export const onnxPlatform = 'onnxruntime_onnx';
const onnxFilename = 'model.onnx';

/** `name` from the folder; `backend`, `platform` and `default_model_filename` from each other. */
export function completeNames(message: ConfigMessage, modelName: string, autoComplete: boolean): ConfigMessage {
  const backend = textOf(message, 'backend');
  const platform = textOf(message, 'platform');
  const isOnnx =
    backend === onnxBackend || platform === onnxPlatform || (autoComplete && backend === '' && platform === '');
  const named = withFields(message, { name: textOf(message, 'name') || modelName });
  if (!isOnnx) return named;
  return withFields(named, {
    backend: backend || onnxBackend,
    platform: platform || onnxPlatform,
    default_model_filename: textOf(message, 'default_model_filename') || onnxFilename,
  });
}

const schedulingChoices = ['dynamic_batching', 'sequence_batching', 'ensemble_scheduling'] as const;

/** Fills inputs, outputs, max_batch_size and the scheduler when the configuration lists no inputs or no outputs. */
export function completeFromSignature(
  message: ConfigMessage,
  signature: ModelSignature,
  settings: ConfigSettings,
  findings: Findings,
): ConfigMessage {
  const inputs = messagesOf(message, 'input');
  const outputs = messagesOf(message, 'output');
  const listsInputs = inputs.length > 0 || messagesOf(message, 'batch_input').length > 0;
  const listsOutputs = outputs.length > 0;
  if (!settings.autoComplete || (listsInputs && listsOutputs)) return message;

  const maxBatchSize = has(message, 'max_batch_size')
    ? writtenBatchSize(message, signature, findings)
    : impliedBatchSize(signature, settings, { inputs, outputs });
  const isBatching = maxBatchSize > 0;
  let complete = withFields(message, { max_batch_size: maxBatchSize });
  if (!listsInputs) {
    const listed = signature.inputs.filter((input) => !(isBatching && input.isOptional));
    complete = withFields(complete, { input: listed.map((input) => inputMessage(input, isBatching)) });
  }
  if (!listsOutputs) {
    complete = withFields(complete, { output: signature.outputs.map((output) => tensorMessage(output, isBatching)) });
  }
  if (maxBatchSize > 1 && !schedulingChoices.some((choice) => has(message, choice))) {
    complete = withFields(complete, { dynamic_batching: newMessage({}) });
  }
  return complete;
}

function writtenBatchSize(message: ConfigMessage, signature: ModelSignature, findings: Findings): number {
  const written = numberOf(message, 'max_batch_size');
  // Scalars are one value for all rows.
  const inputs = signature.inputs.filter(({ shape }) => shape?.length !== 0);
  const { batches, reason } = canBatch({ ...signature, inputs });
  if (written > 0 && !batches) {
    findings.invalid.push(
      `autofill failed for model '${textOf(message, 'name')}': model does not support batching while non-zero max_batch_size is specified: ${reason}`,
    );
    return 0;
  }
  return written;
}

function impliedBatchSize(
  signature: ModelSignature,
  settings: ConfigSettings,
  listed: { readonly inputs: readonly ConfigMessage[]; readonly outputs: readonly ConfigMessage[] },
): number {
  return impliedReason(signature, listed) === '' ? settings.defaultMaxBatchSize : 0;
}

/** Why a model without a written `max_batch_size` does not batch; '' when it does. */
function impliedReason(
  signature: ModelSignature,
  listed: { readonly inputs: readonly ConfigMessage[]; readonly outputs: readonly ConfigMessage[] },
): string {
  const full =
    listed.inputs.find((tensor) => hasFullRank(tensor, signature.inputs)) ??
    listed.outputs.find((tensor) => hasFullRank(tensor, signature.outputs));
  if (full !== undefined) return `the configuration lists '${textOf(full, 'name')}' with its first dimension`;
  return shouldBatch(signature).reason;
}

/**
 * Why `completeFromSignature` chose the batch size, for the log.
 *
 * @param written the configuration as written
 * @param complete the same, completed
 */
export function decideBatching(
  written: ConfigMessage,
  complete: ConfigMessage,
  signature: ModelSignature,
): BatchingDecision {
  const isWritten = has(written, 'max_batch_size');
  const isCurable = canBatch(signature).batches;
  if (numberOf(complete, 'max_batch_size') > 0) return { isImplied: !isWritten, reason: '', isCurable };
  const inputs = messagesOf(written, 'input');
  const outputs = messagesOf(written, 'output');
  // A configuration that lists everything is not completed; then max_batch_size is protobuf's default, 0.
  const isSilent = !isWritten && !has(complete, 'max_batch_size');
  const reason = isWritten || isSilent ? '' : impliedReason(signature, { inputs, outputs });
  if (reason !== '') return { isImplied: false, reason, isCurable };
  const said = isWritten ? 'max_batch_size is 0' : 'the configuration has no max_batch_size';
  return { isImplied: false, reason: said, isCurable };
}

function hasFullRank(tensor: ConfigMessage, specs: readonly TensorSpec[]): boolean {
  const spec = tensorNamed(specs, textOf(tensor, 'name'));
  const reshape = messageOf(tensor, 'reshape');
  const rank = reshape === null ? listOf(tensor, 'dims').length : listOf(reshape, 'shape').length;
  return spec?.shape !== undefined && spec.shape !== null && rank === spec.shape.length;
}

function inputMessage(spec: TensorSpec, isBatching: boolean): ConfigMessage {
  const message = tensorMessage(spec, isBatching);
  return spec.isOptional ? withFields(message, { optional: true }) : message;
}

/**
 * A scalar is shown as `[1]`, which is what clients of Triton send. A tensor of unknown rank has no dims.
 */
function tensorMessage(spec: TensorSpec, isBatching: boolean): ConfigMessage {
  const full = spec.shape ?? [];
  const dims = isBatching ? full.slice(1) : full;
  const fields = { name: spec.name, data_type: datatypes[spec.datatype].configName };
  if (dims.length > 0 || spec.shape === null) return newMessage({ ...fields, dims: [...dims] });
  return newMessage(
    isBatching ? { ...fields, dims: [1], reshape: newMessage({ shape: [] }) } : { ...fields, dims: [1] },
  );
}
