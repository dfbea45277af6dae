/** Signatures and settings that the tests of this room start from. */

import type { ConfigSettings } from '../../src/model-config/config-settings.ts';
import type { ModelConfig } from '../../src/model-config/model-config.ts';
import { resolveModelConfig } from '../../src/model-config/resolve-config.ts';
import type { ModelSignature, TensorSpec } from '../../src/model-config/signature.ts';
import type { Datatype } from '../../src/tensor/datatype.ts';

/** A dimension: an extent, '' for a symbolic one without a name, or its name. */
type Dimension = number | string;

export function tensor(
  name: string,
  shape: readonly Dimension[] | null,
  datatype: Datatype = 'FP32',
  isOptional = false,
): TensorSpec {
  return {
    name,
    datatype,
    shape: shape === null ? null : shape.map((dim) => (typeof dim === 'string' ? -1 : dim)),
    dimNames: (shape ?? []).map((dim) => (typeof dim === 'string' ? dim : '')),
    isOptional,
    labels: [],
  };
}

export function signature(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[]): ModelSignature {
  return {
    inputs,
    outputs,
    irVersion: 8,
    opsets: new Map([['', 17]]),
    producer: '',
    graphName: 'g',
    description: '',
    modelVersion: 0,
    metadata: new Map(),
  };
}

/** Add and subtract over rows of 16 INT32. */
export const addSub = signature(
  [tensor('INPUT0', ['', 16], 'INT32'), tensor('INPUT1', ['', 16], 'INT32')],
  [tensor('OUTPUT0', ['', 16], 'INT32'), tensor('OUTPUT1', ['', 16], 'INT32')],
);

export const addSubIo = `
input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ 16 ] }, { name: "INPUT1" data_type: TYPE_INT32 dims: [ 16 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ 16 ] }, { name: "OUTPUT1" data_type: TYPE_INT32 dims: [ 16 ] } ]
`;

export const cpuSettings: ConfigSettings = { autoComplete: true, defaultMaxBatchSize: 4, gpuOrdinals: [] };

/** The configuration of model `m` with this config.pbtxt, or with none for null. */
export function resolve(
  text: string | null,
  model: ModelSignature = addSub,
  settings: ConfigSettings = cpuSettings,
): ModelConfig {
  return resolveModelConfig({
    modelName: 'm',
    source: text === null ? { kind: 'none' } : { kind: 'file', path: '/models/m/config.pbtxt', text },
    signature: model,
    settings,
  });
}

/** The message that an action fails with; fails the test when it does not. */
export function problemOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

/** The same without `config.pbtxt:line:column: ` before each of its sentences. */
export const withoutPlaces = (problem: string): string => problem.replaceAll(/\bconfig\.pbtxt:\d+:\d+: /g, '');
