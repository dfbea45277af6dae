/** `nereid inspect`: what a model file declares, as a table or as JSON. */

import { existsSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import type { ModelSignature, TensorSpec } from '../model-config/signature.ts';
import { printable } from '../observability/printable.ts';
import { columns } from './table.ts';
import { parseToolArguments } from './tool-arguments.ts';

/** What the tools are given by `run-command.ts`. */
export interface ToolSurroundings {
  readonly cwd: string;
  /** Rejects or throws with a sentence when there is no usable runtime. */
  openEngine(libraryPath: string | null): Engine | Promise<Engine>;
  /** Where the answer goes; text with line ends. */
  write(text: string): void;
}

const dimText = (extent: number, name: string): string => (extent >= 0 ? String(extent) : name || '-1');

/** `[batch, 3, 224, 224]`; symbolic dimensions by name, unnamed ones as -1. */
const shapeText = ({ shape, dimNames }: TensorSpec): string =>
  shape === null ? 'unknown rank' : `[${shape.map((extent, i) => dimText(extent, dimNames[i] ?? '')).join(', ')}]`;

const tensorRows = (tensors: readonly TensorSpec[]): readonly (readonly string[])[] => [
  ['name', 'datatype', 'shape', ''],
  ...tensors.map((tensor) => [tensor.name, tensor.datatype, shapeText(tensor), tensor.isOptional ? 'optional' : '']),
];

const tensors = (title: string, specs: readonly TensorSpec[]): string =>
  specs.length === 0 ? `${title}: none\n` : `${title}\n${columns(tensorRows(specs), '  ')}\n`;

const shownLabels = 10;

function labelLines(outputs: readonly TensorSpec[]): string {
  return outputs
    .filter((output) => output.labels.length > 0)
    .map((output) => {
      const some = output.labels.slice(0, shownLabels).map(printable).join(', ');
      const more = output.labels.length > shownLabels ? `, … (${output.labels.length})` : '';
      return `Labels of ${printable(output.name)}: ${some}${more}\n`;
    })
    .join('');
}

function signatureText(signature: ModelSignature): string {
  const opsets = [...signature.opsets].map(([domain, version]) => `${domain || 'ai.onnx'} ${version}`).join(', ');
  const facts = [
    ['graph', signature.graphName],
    ['producer', signature.producer],
    ['description', signature.description],
    // Models that state no version have the largest number there is.
    ['model version', Number.isSafeInteger(signature.modelVersion) ? String(signature.modelVersion) : ''],
    ['IR version', String(signature.irVersion)],
    ['opsets', opsets],
    ...[...signature.metadata].map(([key, value]) => [`metadata ${key}`, value]),
  ].filter(([, value]) => value !== '');
  return [
    tensors('Inputs', signature.inputs),
    tensors('Outputs', signature.outputs),
    labelLines(signature.outputs),
    `Model\n${columns(facts, '  ')}\n`,
  ]
    .filter((part) => part !== '')
    .join('\n');
}

/** Field names as in `ModelSignature`; maps become objects. */
const signatureJson = (signature: ModelSignature): string =>
  JSON.stringify(
    { ...signature, opsets: Object.fromEntries(signature.opsets), metadata: Object.fromEntries(signature.metadata) },
    null,
    2,
  );

/** The exit code; rejects with an `InferenceError` when the model cannot be read, or a `UsageError`. */
export async function inspectCommand(words: readonly string[], surroundings: ToolSurroundings): Promise<number> {
  const { paths, json, libraryPath } = parseToolArguments(
    words,
    { what: 'a model file', min: 1, max: 1 },
    surroundings.cwd,
  );
  const path = paths[0] as string;
  if (!existsSync(path)) throw new Error(`there is no model file '${path}'`);
  const engine = await surroundings.openEngine(libraryPath);
  const signature = await engine.inspect({ path, folder: realpathSync(dirname(path)) });
  surroundings.write(json ? `${signatureJson(signature)}\n` : signatureText(signature));
  return 0;
}
