/**
 * Reports all problems of a configuration, with or without its model file. Without these checks a missing model file
 * would hide the other problems.
 */

import { InferenceError } from '../errors.ts';
import { datatypeOfConfigName } from '../tensor/datatype.ts';
import { checkIdentity } from './rules/check-config.ts';
import { completeFromSignature, completeNames } from './effective/complete-config.ts';
import { Findings, shownProblems } from './findings.ts';
import { isAlias } from './platforms.ts';
import type { ModelConfig } from './model-config.ts';
import type {
  ConfigMessage,
  DataType,
  ModelInput,
  ModelOutput,
  ModelSequenceBatchingControlInput,
} from './schema/config-message.ts';
import { withFields } from './schema/message.ts';
import { problemText, UnreadableConfigError } from './syntax/source-position.ts';
import { checkComplete, type ConfigQuery, configInForce, readSource } from './resolve-config.ts';
import { type ModelSignature, type TensorSpec, tensorNamed } from './signature.ts';

interface ConfigInspection {
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
  const findings = new Findings();
  let written: ConfigMessage;
  try {
    written = completeNames(readSource(modelName, source, settings), modelName, settings.autoComplete);
  } catch (error) {
    if (!(error instanceof InferenceError)) throw error;
    if (error instanceof UnreadableConfigError) findings.invalid.push(...error.problems);
    else findings.invalid.push({ text: error.message, place: null });
    return { message: null, config: null, findings };
  }
  checkIdentity(written, modelName, findings);
  if (isAlias(written)) return { message: written, config: null, findings };
  const model = signature ?? declaredSignature(written);
  // A wrong name was found just now: the other findings call the model what its folder is called.
  const named = withFields(written, { name: modelName });
  const complete = signature === null ? named : completeFromSignature(named, signature, settings, findings);
  const checked = checkComplete(complete, model, settings, findings);
  const config = findings.isServable ? configInForce(written, checked, model, findings) : null;
  return { message: written, config, findings };
}

/** One sentence each; empty when nothing is wrong or nothing is written. */
export function faultsWithoutModel(query: ConfigQuery): readonly string[] {
  if (query.source.kind === 'none') return [];
  const { invalid, leftOut } = inspectConfig(query, null).findings;
  return shownProblems([...invalid, ...leftOut]).map(problemText);
}

/** The signature of a model that the configuration fits. */
function declaredSignature(message: ConfigMessage): ModelSignature {
  // A negative size is a fault of its own, of a configuration that means to batch.
  const isBatching = (message.max_batch_size ?? 0) !== 0;
  const { control_input: controls = [], state: states = [] } = message.sequence_batching ?? {};
  const inputs = [
    ...(message.input ?? []).map((input) => declaredTensor(input, isBatching)),
    ...(message.batch_input ?? []).flatMap(({ target_name: names = [], data_type: type }) =>
      names.map((name) => tensor(name, type)),
    ),
    ...controls.map((control) => tensor(control.name, controlType(control))),
    ...states.map((state) => tensor(state.input_name, state.data_type)),
  ];
  const outputs = [
    ...(message.output ?? []).map((output) => declaredTensor(output, isBatching)),
    ...states.map((state) => tensor(state.output_name, state.data_type)),
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

function declaredTensor(entry: ModelInput | ModelOutput, isBatching: boolean): TensorSpec {
  const written = (entry.reshape === undefined ? entry.dims : entry.reshape.shape)?.map(Number) ?? [];
  const anyShape = tensor(entry.name, entry.data_type);
  // Impossible extents are a fault of their own: any shape fits them.
  if (written.some((extent) => extent < -1 || extent === 0)) return anyShape;
  const shape = isBatching ? [-1, ...written] : written;
  return { ...anyShape, shape, dimNames: shape.map(() => '') };
}

/** `optional` comes from the configuration. */
const tensor = (name = '', datatype: DataType = 'TYPE_INVALID'): TensorSpec => ({
  name,
  datatype: datatypeOfConfigName(datatype) ?? 'FP32',
  shape: null,
  dimNames: [],
  isOptional: true,
  labels: [],
});

function controlType({ control = [] }: ModelSequenceBatchingControlInput): DataType | undefined {
  for (const kind of control) {
    if (kind.int32_false_true !== undefined) return 'TYPE_INT32';
    if (kind.fp32_false_true !== undefined) return 'TYPE_FP32';
    if (kind.bool_false_true !== undefined) return 'TYPE_BOOL';
    if (kind.data_type !== undefined) return kind.data_type;
  }
  return undefined;
}

/** A name that is given twice is a fault of its own: any shape fits it. */
const firstOfEachName = (specs: readonly TensorSpec[]): readonly TensorSpec[] =>
  specs
    .filter((spec) => tensorNamed(specs, spec.name) === spec)
    .map((spec) =>
      specs.some((other) => other.name === spec.name && other !== spec) ? { ...spec, shape: null } : spec,
    );
