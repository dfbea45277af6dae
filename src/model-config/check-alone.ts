/**
 * Checks a configuration without its model file: everything except whether it fits the model. Without these checks a
 * missing model file would hide the other problems.
 */

import { InferenceError } from '../errors.ts';
import { type Datatype, datatypeOfConfigName } from '../tensor/datatype.ts';
import { isAlias } from './alias-config.ts';
import { checkConfig, checkIdentity } from './rules/check-config.ts';
import { completeNames } from './typed/complete-config.ts';
import { readEngineConfig } from './typed/engine-config.ts';
import { newFindings, toldOf } from './findings.ts';
import { resolveInstanceGroups } from './typed/instance-groups.ts';
import { has, messageOf, messagesOf, numberOf, numbersOf, textOf, textsOf } from './schema/message-fields.ts';
import type { ConfigMessage } from './model-config.ts';
import { type ConfigQuery, readSource } from './resolve-config.ts';
import { type ModelSignature, type TensorSpec, tensorNamed } from './signature.ts';

/** One sentence each; empty when nothing is wrong or nothing is written. */
export function faultsWithoutModel({ modelName, source, settings }: ConfigQuery): readonly string[] {
  if (source.kind === 'none') return [];
  const findings = newFindings();
  try {
    const message = completeNames(readSource(modelName, source, settings), modelName, settings.autoComplete);
    checkIdentity(message, modelName, findings);
    if (!isAlias(message)) {
      checkConfig(message, declaredSignature(message), findings);
      const { groups } = resolveInstanceGroups(message, settings, findings);
      const hasGpus = groups.some(({ kind }) => kind === 'gpu');
      readEngineConfig(message, hasGpus, findings);
    }
  } catch (error) {
    if (!(error instanceof InferenceError)) throw error;
    findings.invalid.push(error.message);
  }
  return toldOf([...findings.invalid, ...findings.leftOut]);
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
  // What no shape may have is the configuration's fault, and the model may not excuse it.
  const dims = written.map((extent) => (extent > 0 ? extent : -1));
  const shape = isBatching ? [-1, ...dims] : dims;
  return { ...tensor(textOf(entry, 'name'), textOf(entry, 'data_type')), shape, dimNames: shape.map(() => '') };
}

/** `optional` is the configuration's to say. */
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
