/**
 * Completes a configuration from the folder (names) and from the model file (inputs, outputs, batching), as Triton's
 * auto-complete does. Differences: a written `max_batch_size: 0` stays 0; whether
 * a model batches is judged by `batching-rule.ts`; a side listed with full shapes means a model that does not batch; the
 * requests of a dynamically quantized model do not share batches.
 */

import { quoted } from '../../shown-text.ts';
import { datatypes } from '../../tensor/datatype.ts';
import type { ConfigSettings } from '../config-settings.ts';
import type { Findings } from '../findings.ts';
import type { BatchingDecision } from '../model-config.ts';
import { onnxBackend, onnxPlatform } from '../platforms.ts';
import type { ConfigMessage, ModelInput, ModelOutput } from '../schema/config-message.ts';
import { newMessage, withFields } from '../schema/message.ts';
import { type ModelSignature, type TensorSpec, tensorNamed } from '../signature.ts';
import { canBatch, shouldBatch } from './batching-rule.ts';

const onnxFilename = 'model.onnx';

/** `name` from the folder; `backend`, `platform` and `default_model_filename` from each other. */
export function completeNames(message: ConfigMessage, modelName: string, autoComplete: boolean): ConfigMessage {
  const { backend = '', platform = '' } = message;
  const isOnnx =
    backend === onnxBackend || platform === onnxPlatform || (autoComplete && backend === '' && platform === '');
  const named = withFields(message, { name: message.name || modelName });
  if (!isOnnx) return named;
  return withFields(named, {
    backend: backend || onnxBackend,
    platform: platform || onnxPlatform,
    default_model_filename: message.default_model_filename || onnxFilename,
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
  const { input: inputs = [], output: outputs = [], batch_input: batchInputs = [] } = message;
  const listsInputs = inputs.length > 0 || batchInputs.length > 0;
  const listsOutputs = outputs.length > 0;
  if (!settings.autoComplete || (listsInputs && listsOutputs)) return message;

  const maxBatchSize =
    message.max_batch_size === undefined
      ? impliedBatchSize(signature, settings, { inputs, outputs })
      : writtenBatchSize(message, signature, findings);
  const isBatching = maxBatchSize > 0;
  let complete = withFields(message, { max_batch_size: maxBatchSize });
  if (!listsInputs) {
    const listed = signature.inputs.filter((input) => !(isBatching && input.isOptional));
    complete = withFields(complete, { input: listed.map((input) => inputMessage(input, isBatching)) });
  }
  if (!listsOutputs) {
    complete = withFields(complete, { output: signature.outputs.map((output) => tensorMessage(output, isBatching)) });
  }
  const isUndecided = schedulingChoices.every((choice) => message[choice] === undefined);
  if (maxBatchSize > 1 && isUndecided && signature.sharedScale === undefined) {
    complete = withFields(complete, { dynamic_batching: newMessage({}) });
  }
  return complete;
}

function writtenBatchSize(message: ConfigMessage, signature: ModelSignature, findings: Findings): number {
  const { name = '', max_batch_size: written = 0 } = message;
  // Scalars are one value for all rows.
  const inputs = signature.inputs.filter(({ shape }) => shape?.length !== 0);
  const { batches, reason } = canBatch({ ...signature, inputs });
  if (written > 0 && !batches) {
    findings.refuse(
      `autofill failed for model '${name}': model does not support batching while non-zero max_batch_size is specified: ${reason}`,
      message,
      'max_batch_size',
    );
    return 0;
  }
  return written;
}

interface ListedTensors {
  readonly inputs: readonly ModelInput[];
  readonly outputs: readonly ModelOutput[];
}

const impliedBatchSize = (signature: ModelSignature, settings: ConfigSettings, listed: ListedTensors): number =>
  impliedReason(signature, listed) === '' ? settings.defaultMaxBatchSize : 0;

/** Why a model without a written `max_batch_size` does not batch; '' when it does. */
function impliedReason(signature: ModelSignature, listed: ListedTensors): string {
  const full =
    listed.inputs.find((tensor) => hasFullRank(tensor, signature.inputs)) ??
    listed.outputs.find((tensor) => hasFullRank(tensor, signature.outputs));
  if (full !== undefined) return `the configuration lists ${quoted(full.name ?? '')} with its first dimension`;
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
  const isWritten = written.max_batch_size !== undefined;
  const isCurable = canBatch(signature).batches;
  if ((complete.max_batch_size ?? 0) > 0) {
    return { isImplied: !isWritten, reason: '', isCurable, aloneReason: aloneReason(complete, signature) };
  }
  const { input: inputs = [], output: outputs = [] } = written;
  // A configuration that lists everything is not completed; then max_batch_size is protobuf's default, 0.
  const isSilent = !isWritten && complete.max_batch_size === undefined;
  const reason = isWritten || isSilent ? '' : impliedReason(signature, { inputs, outputs });
  if (reason !== '') return { isImplied: false, reason, isCurable, aloneReason: '' };
  const said = isWritten ? 'max_batch_size is 0' : 'the configuration has no max_batch_size';
  return { isImplied: false, reason: said, isCurable, aloneReason: '' };
}

function aloneReason({ dynamic_batching: batching }: ConfigMessage, { sharedScale }: ModelSignature): string {
  if (batching !== undefined || sharedScale === undefined) return '';
  return `${sharedScale} takes one scale from all rows of a batch`;
}

function hasFullRank(
  { name = '', dims = [], reshape }: ModelInput | ModelOutput,
  specs: readonly TensorSpec[],
): boolean {
  const shape = tensorNamed(specs, name)?.shape ?? null;
  const rank = reshape === undefined ? dims.length : (reshape.shape ?? []).length;
  return rank === shape?.length;
}

function inputMessage(spec: TensorSpec, isBatching: boolean): ModelInput {
  const message: ModelInput = tensorMessage(spec, isBatching);
  return spec.isOptional ? withFields(message, { optional: true }) : message;
}

/**
 * A scalar is shown as `[1]`, which is what clients of Triton send. A tensor of unknown rank has no dims.
 */
function tensorMessage(spec: TensorSpec, isBatching: boolean): ModelInput & ModelOutput {
  const full = spec.shape ?? [];
  const dims = isBatching ? full.slice(1) : full;
  const fields = { name: spec.name, data_type: datatypes[spec.datatype].configName };
  if (dims.length > 0 || spec.shape === null) return newMessage({ ...fields, dims: [...dims] });
  return newMessage(
    isBatching ? { ...fields, dims: [1], reshape: newMessage({ shape: [] }) } : { ...fields, dims: [1] },
  );
}
