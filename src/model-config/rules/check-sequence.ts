/**
 * Rules of `sequence_batching`. This version has no sequences, but faults of a block are
 * reported first.
 */

import { quoted } from '../../shown-text.ts';
import { datatypes } from '../../tensor/datatype.ts';
import type { Findings } from '../findings.ts';
import { pathWithin } from '../relative-path.ts';
import type {
  ConfigMessage,
  ModelSequenceBatching,
  ModelSequenceBatchingControl,
  ModelSequenceBatchingControlInput,
  ModelSequenceBatchingState,
} from '../schema/config-message.ts';
import { type ModelSignature, type TensorSpec, tensorNamed } from '../signature.ts';
import { unexpectedName } from './check-signature.ts';

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

const kindOf = ({ kind = 'CONTROL_SEQUENCE_START' }: ModelSequenceBatchingControl): string => kind;

export function checkSequenceBatching(message: ConfigMessage, signature: ModelSignature, findings: Findings): void {
  const { name: model = '', max_batch_size: maxBatchSize = 0, sequence_batching: sequence } = message;
  if (sequence === undefined) return;
  checkStrategy(model, sequence, maxBatchSize, findings);
  const tensorsByKind = new Map<string, number>();
  const seen = new Set<string>();
  for (const input of sequence.control_input ?? []) {
    const { name: tensor = '', control: kinds = [] } = input;
    if (tensor === '') {
      findings.refuse(`sequence batching control tensor must have a name for ${model}`, input, 'name');
    }
    if (kinds.length > 1 || seen.has(tensor)) {
      const text = `sequence batching control tensor ${quoted(tensor)} is specified for multiple control kinds for ${model}`;
      findings.refuse(text, input, 'name');
    }
    seen.add(tensor);
    if (kinds.length === 0) {
      findings.refuse(
        `sequence batching control tensor ${quoted(tensor)} has no control for ${model}`,
        input,
        'control',
      );
    }
    for (const control of kinds) {
      const kind = kindOf(control);
      tensorsByKind.set(kind, (tensorsByKind.get(kind) ?? 0) + 1);
      checkControl(model, input, control, signature.inputs, findings);
    }
  }
  for (const [kind, count] of tensorsByKind) {
    if (count === 1) continue;
    findings.refuse(`sequence batching specifies multiple ${kind} tensors for ${model}`, sequence, 'control_input');
  }
  for (const state of sequence.state ?? []) checkState(model, state, signature, findings);
  const text = `model '${model}': sequence_batching is not supported by this version; requests of a sequence would not reach their state`;
  findings.leaveOut(text, message, 'sequence_batching');
}

function checkStrategy(model: string, sequence: ModelSequenceBatching, maxBatchSize: number, findings: Findings): void {
  const { oldest = {}, direct = {} } = sequence;
  const { preferred_batch_size: sizes = [] } = oldest;
  if (sizes.some((size) => size <= 0)) {
    const text = `sequence batching preferred batch size must be positive for ${model}`;
    findings.refuse(text, oldest, 'preferred_batch_size');
  }
  if (sizes.some((size) => size > maxBatchSize)) {
    const text = `sequence batching preferred batch size must be <= max batch size for ${model}`;
    findings.refuse(text, oldest, 'preferred_batch_size');
  }
  const { minimum_slot_utilization: utilization = 0 } = direct;
  if (!(utilization >= 0 && utilization <= 1)) {
    const text = `sequence batching minimum slot utilization must be in range (0.0, 1.0] for ${model}`;
    findings.refuse(text, direct, 'minimum_slot_utilization');
  }
}

function checkControl(
  model: string,
  input: ModelSequenceBatchingControlInput,
  control: ModelSequenceBatchingControl,
  inputs: readonly TensorSpec[],
  findings: Findings,
): void {
  const kind = kindOf(control);
  const given = falseTrueFields.filter(({ field }) => (control[field] ?? []).length > 0);
  const datatype = control.data_type ?? '';
  const isCorrelation = kind === 'CONTROL_SEQUENCE_CORRID';
  if (isCorrelation && given.length > 0) {
    findings.refuse(
      `sequence batching must not specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for ${kind} for ${model}`,
      control,
    );
  }
  if (isCorrelation && !correlationTypes.has(datatype)) {
    findings.refuse(
      `unexpected data type for control CONTROL_SEQUENCE_CORRID for ${model}. Allowed data types are TYPE_UINT64, TYPE_INT64, TYPE_UINT32, TYPE_INT32 and TYPE_STRING`,
      control,
      'data_type',
    );
  }
  if (!isCorrelation && given.length === 0) {
    findings.refuse(
      `sequence batching must specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for ${kind} for ${model}`,
      control,
    );
  }
  if (!isCorrelation && given.length > 1) {
    findings.refuse(
      `sequence batching specifies more than one from 'int32_false_true', 'fp32_false_true' and 'bool_false_true' for ${kind} for ${model}`,
      control,
    );
  }
  for (const { field } of given) {
    if (isCorrelation || control[field]?.length === 2) continue;
    const text = `sequence batching control '${field}' must have exactly 2 entries for ${kind} for ${model}`;
    findings.refuse(text, control, field);
  }
  const implied = given.length === 1 ? (given[0]?.datatype ?? '') : '';
  const problem = tensorProblem(model, 'input', input.name ?? '', isCorrelation ? datatype : implied, inputs, findings);
  if (problem !== null) findings.refuse(problem, input, 'name');
}

function checkState(
  model: string,
  state: ModelSequenceBatchingState,
  signature: ModelSignature,
  findings: Findings,
): void {
  const { input_name: input = '', output_name: output = '', data_type: datatype = '' } = state;
  const inputProblem = tensorProblem(model, 'input', input, datatype, signature.inputs, findings);
  if (inputProblem !== null) findings.refuse(inputProblem, state, 'input_name');
  const outputProblem = tensorProblem(model, 'output', output, datatype, signature.outputs, findings);
  if (outputProblem !== null) findings.refuse(outputProblem, state, 'output_name');
  for (const initial of state.initial_state ?? []) {
    const { data_file: file = '' } = initial;
    if (file === '' || pathWithin(file) !== null) continue;
    const text = `initial state file ${quoted(file)} of ${model} must stay within the model's initial_state folder`;
    findings.refuse(text, initial, 'data_file');
  }
}

function tensorProblem(
  model: string,
  side: 'input' | 'output',
  name: string,
  datatype: string,
  specs: readonly TensorSpec[],
  { isEnough }: Findings,
): string | null {
  if (name === '') return null;
  const spec = tensorNamed(specs, name);
  if (spec === undefined) return isEnough ? null : unexpectedName(side, name, specs);
  const provided = datatypes[spec.datatype].configName;
  if (datatype === '' || provided === datatype) return null;
  return `unable to load model '${model}', configuration expects datatype ${datatype} for ${side} ${quoted(name)}, model provides ${provided}`;
}
