/**
 * Reports all problems of a configuration, with or without its model file. Without these checks a missing model file
 * would hide the other problems.
 */

import { InferenceError } from '../errors.ts';
import { type Datatype, datatypeOfConfigName } from '../tensor/datatype.ts';
import { isAlias } from './alias-config.ts';
import { checkIdentity } from './rules/check-config.ts';
import { completeFromSignature, completeNames } from './typed/complete-config.ts';
import { type Findings, newFindings, toldOf } from './findings.ts';
import { has, messageOf, messagesOf, numberOf, numbersOf, textOf, textsOf } from './schema/message-fields.ts';
import type { ConfigMessage, ModelConfig } from './model-config.ts';
import { checkComplete, type ConfigQuery, configInForce, readSource } from './resolve-config.ts';
import { type ModelSignature, type TensorSpec, tensorNamed } from './signature.ts';

export interface ConfigInspection {
  /** As written, with names completed; null when it cannot be read. */
  readonly message: ConfigMessage | null;
  /** Null when there are problems, and for an alias, whose configuration is its target's. */
  readonly config: ModelConfig | null;
  readonly findings: Findings;
}

/**
 * Reads, completes and checks a configuration and throws nothing.
 *
 * @param signature null: the configuration is not compared with the model, and only names are completed
 */
export function inspectConfig(query: ConfigQuery, signature: ModelSignature | null): ConfigInspection {
  const { modelName, source, settings } = query;
  const findings = newFindings();
  let written: ConfigMessage;
  try {
    written = completeNames(readSource(modelName, source, settings), modelName, settings.autoComplete);
  } catch (error) {
    if (!(error instanceof InferenceError)) throw error;
    findings.invalid.push(error.message);
    return { message: null, config: null, findings };
  }
  checkIdentity(written, modelName, findings);
  if (isAlias(written)) return { message: written, config: null, findings };
  const model = signature ?? declaredSignature(written);
  const complete = signature === null ? written : completeFromSignature(written, signature, settings, findings);
  const checked = checkComplete(complete, model, settings, findings);
  const isGood = findings.invalid.length === 0 && findings.leftOut.length === 0;
  return { message: written, config: isGood ? configInForce(written, checked, model, findings) : null, findings };
}

/** One sentence each; empty when nothing is wrong or nothing is written. */
export function faultsWithoutModel(query: ConfigQuery): readonly string[] {
  if (query.source.kind === 'none') return [];
  const { invalid, leftOut } = inspectConfig(query, null).findings;
  return toldOf([...invalid, ...leftOut]);
}

/** The signature of a model that the configuration fits. */
function declaredSignature(message: ConfigMessage): ModelSignature {
  const isBatching = numberOf(message, 'max_batch_size') > 0;
  const sequence = messageOf(message, 'sequence_batching') ?? {};
  const states = messagesOf(sequence, 'state');
  const inputs = [
    ...messagesOf(message, 'input').map((input) => declaredTensor(input, isBatching)),
    ...messagesOf(message, 'batch_input').flatMap((entry) =>
      textsOf(entry, 'target_name').map((name) => tensor(name, textOf(entry, 'data_type'))),
    ),
    ...messagesOf(sequence, 'control_input').map((entry) => tensor(textOf(entry, 'name'), controlType(entry))),
    ...states.map((state) => tensor(textOf(state, 'input_name'), textOf(state, 'data_type'))),
  ];
  const outputs = [
    ...messagesOf(message, 'output').map((output) => declaredTensor(output, isBatching)),
    ...states.map((state) => tensor(textOf(state, 'output_name'), textOf(state, 'data_type'))),
  ];
  return {
    inputs: firstOfEachName(inputs),
    outputs: firstOfEachName(outputs),
    irVersion: 0,
    opsets: new Map(),
    producer: '',
    graphName: '',
    description: '',
    modelVersion: 0,
    metadata: new Map(),
  };
}

function declaredTensor(entry: ConfigMessage, isBatching: boolean): TensorSpec {
  const reshape = messageOf(entry, 'reshape');
  const written = numbersOf(reshape ?? entry, reshape ? 'shape' : 'dims');
  // Impossible extents are a fault of the configuration, so the made-up signature must not contain them.
  const dims = written.map((extent) => (extent > 0 ? extent : -1));
  const shape = isBatching ? [-1, ...dims] : dims;
  return { ...tensor(textOf(entry, 'name'), textOf(entry, 'data_type')), shape, dimNames: shape.map(() => '') };
}

/** `optional` comes from the configuration. */
const tensor = (name: string, datatype: string): TensorSpec => ({
  name,
  datatype: knownType(datatype),
  shape: null,
  dimNames: [],
  isOptional: true,
  labels: [],
});

const knownType = (name: string): Datatype => datatypeOfConfigName(name) ?? 'FP32';

const falseTrueTypes = { int32_false_true: 'TYPE_INT32', fp32_false_true: 'TYPE_FP32', bool_false_true: 'TYPE_BOOL' };

function controlType(control: ConfigMessage): string {
  for (const kind of messagesOf(control, 'control')) {
    for (const [field, type] of Object.entries(falseTrueTypes)) if (has(kind, field)) return type;
    if (textOf(kind, 'data_type') !== '') return textOf(kind, 'data_type');
  }
  return '';
}

const firstOfEachName = (specs: readonly TensorSpec[]): readonly TensorSpec[] =>
  specs.filter((spec) => tensorNamed(specs, spec.name) === spec);
