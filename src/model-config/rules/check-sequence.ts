/**
 * Rules of `sequence_batching`. This version has no sequences, but faults of a block are
 * reported first.
 */

import { datatypes } from '../../tensor/datatype.ts';
import { unexpectedName } from './check-signature.ts';
import { type Findings, isEnough } from '../findings.ts';
import { listOf, messageOf, messagesOf, numberOf, numbersOf, textOf } from '../schema/message-fields.ts';
import type { ConfigMessage } from '../model-config.ts';
import { pathWithin } from '../relative-path.ts';
import { type ModelSignature, type TensorSpec, tensorNamed } from '../signature.ts';

const correlationTypes: ReadonlySet<string> = new Set([
  'TYPE_UINT64',
  'TYPE_INT64',
  'TYPE_UINT32',
  'TYPE_INT32',
  'TYPE_STRING',
]);

const falseTrueFields = [
  { field: 'int32_false_true', datatype: 'TYPE_INT32' },
  { field: 'fp32_false_true', datatype: 'TYPE_FP32' },
  { field: 'bool_false_true', datatype: 'TYPE_BOOL' },
] as const;

const kindOf = (control: ConfigMessage): string => textOf(control, 'kind') || 'CONTROL_SEQUENCE_START';

export function checkSequenceBatching(message: ConfigMessage, signature: ModelSignature, findings: Findings): void {
  const sequence = messageOf(message, 'sequence_batching');
  if (sequence === null) return;
  const model = textOf(message, 'name');
  const { invalid } = findings;
  checkStrategy(model, sequence, numberOf(message, 'max_batch_size'), invalid);
  const controls = messagesOf(sequence, 'control_input');
  const tensorsByKind = new Map<string, number>();
  const seen = new Set<string>();
  for (const control of controls) {
    const tensor = textOf(control, 'name');
    const kinds = messagesOf(control, 'control');
    if (tensor === '') invalid.push(`sequence batching control tensor must have a name for ${model}`);
    if (kinds.length > 1 || seen.has(tensor)) {
      invalid.push(`sequence batching control tensor '${tensor}' is specified for multiple control kinds for ${model}`);
    }
    seen.add(tensor);
    if (kinds.length === 0) invalid.push(`sequence batching control tensor '${tensor}' has no control for ${model}`);
    for (const kind of kinds) {
      tensorsByKind.set(kindOf(kind), (tensorsByKind.get(kindOf(kind)) ?? 0) + 1);
      checkControl(model, tensor, kind, signature.inputs, invalid);
    }
  }
  for (const [kind, count] of tensorsByKind) {
    if (count > 1) invalid.push(`sequence batching specifies multiple ${kind} tensors for ${model}`);
  }
  for (const state of messagesOf(sequence, 'state')) checkState(model, state, signature, invalid);
  findings.leftOut.push(
    `model '${model}': sequence_batching is not supported by this version; requests of a sequence would not reach their state`,
  );
}

function checkStrategy(model: string, sequence: ConfigMessage, maxBatchSize: number, invalid: string[]): void {
  const oldest = messageOf(sequence, 'oldest');
  const sizes = oldest === null ? [] : numbersOf(oldest, 'preferred_batch_size');
  if (sizes.some((size) => size <= 0)) {
    invalid.push(`sequence batching preferred batch size must be positive for ${model}`);
  }
  if (sizes.some((size) => size > maxBatchSize)) {
    invalid.push(`sequence batching preferred batch size must be <= max batch size for ${model}`);
  }
  const direct = messageOf(sequence, 'direct');
  const utilization = direct === null ? 0 : numberOf(direct, 'minimum_slot_utilization');
  if (!(utilization >= 0 && utilization <= 1)) {
    invalid.push(`sequence batching minimum slot utilization must be in range (0.0, 1.0] for ${model}`);
  }
}

function checkControl(
  model: string,
  tensor: string,
  control: ConfigMessage,
  inputs: readonly TensorSpec[],
  invalid: string[],
): void {
  const kind = kindOf(control);
  const given = falseTrueFields.filter(({ field }) => listOf(control, field).length > 0);
  const isCorrelation = kind === 'CONTROL_SEQUENCE_CORRID';
  if (isCorrelation && given.length > 0) {
    invalid.push(
      `sequence batching must not specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for ${kind} for ${model}`,
    );
  }
  if (isCorrelation && !correlationTypes.has(textOf(control, 'data_type'))) {
    invalid.push(
      `unexpected data type for control CONTROL_SEQUENCE_CORRID for ${model}. Allowed data types are TYPE_UINT64, TYPE_INT64, TYPE_UINT32, TYPE_INT32 and TYPE_STRING`,
    );
  }
  if (!isCorrelation && given.length === 0) {
    invalid.push(
      `sequence batching must specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for ${kind} for ${model}`,
    );
  }
  if (!isCorrelation && given.length > 1) {
    invalid.push(
      `sequence batching specifies more than one from 'int32_false_true', 'fp32_false_true' and 'bool_false_true' for ${kind} for ${model}`,
    );
  }
  for (const { field } of given) {
    if (!isCorrelation && listOf(control, field).length !== 2) {
      invalid.push(`sequence batching control '${field}' must have exactly 2 entries for ${kind} for ${model}`);
    }
  }
  const datatype = isCorrelation ? textOf(control, 'data_type') : given.length === 1 ? (given[0]?.datatype ?? '') : '';
  checkTensor(model, 'input', tensor, datatype, inputs, invalid);
}

function checkState(model: string, state: ConfigMessage, signature: ModelSignature, invalid: string[]): void {
  const datatype = textOf(state, 'data_type');
  checkTensor(model, 'input', textOf(state, 'input_name'), datatype, signature.inputs, invalid);
  checkTensor(model, 'output', textOf(state, 'output_name'), datatype, signature.outputs, invalid);
  for (const initial of messagesOf(state, 'initial_state')) {
    const file = textOf(initial, 'data_file');
    if (file !== '' && pathWithin(file) === null) {
      invalid.push(`initial state file '${file}' of ${model} must stay within the model's initial_state folder`);
    }
  }
}

function checkTensor(
  model: string,
  side: 'input' | 'output',
  name: string,
  datatype: string,
  specs: readonly TensorSpec[],
  invalid: string[],
): void {
  if (name === '') return;
  const spec = tensorNamed(specs, name);
  if (spec === undefined) {
    if (!isEnough(invalid)) invalid.push(unexpectedName(side, name, specs));
  } else if (datatype !== '' && datatypes[spec.datatype].configName !== datatype) {
    const provided = datatypes[spec.datatype].configName;
    invalid.push(
      `unable to load model '${model}', configuration expects datatype ${datatype} for ${side} '${name}', model provides ${provided}`,
    );
  }
}
