/** `nereid inspect`: shows the declarations of a model file as a table or as JSON. */

import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Device, deviceText, type Engine, type GraphAssignment, type SessionSpec } from '../engine/engine.ts';
import type { PluginLibrary } from '../engine/native-engine.ts';
import { inspectionOptions, placementSpec } from '../lifecycle/kinds/onnx/engine-options.ts';
import { batchingText } from '../model-config/batching-text.ts';
import type { ConfigSettings } from '../model-config/config-settings.ts';
import type { ConfigMessage } from '../model-config/schema/config-message.ts';
import { type ConfigSource, readConfigMessage, resolveModelConfig } from '../model-config/resolve-config.ts';
import type { ModelSignature, TensorSpec } from '../model-config/signature.ts';
import { printable } from '../observability/printable.ts';
import { assignmentText, nodesByProvider } from './assignment-text.ts';
import { columns } from './table.ts';
import { parseInspectArguments } from './tool-arguments.ts';

/** The server's default. */
const defaultMaxBatchSize = 4;

/** The surroundings of a tool, from `run-command.ts`. */
export interface ToolSurroundings {
  readonly cwd: string;
  /** Rejects or throws with a sentence when there is no usable runtime. */
  openEngine(
    libraryPath: string | null,
    cudaLibraryPaths: readonly string[],
    plugins?: readonly PluginLibrary[],
  ): Engine | Promise<Engine>;
  /** Writes the answer: text with line ends. */
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

function signatureText(signature: ModelSignature, batching: string): string {
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
    `Batching\n  ${printable(batching)}\n`,
    `Model\n${columns(facts, '  ')}\n`,
  ]
    .filter((part) => part !== '')
    .join('\n');
}

/** Where the nodes of the model run on a device. */
interface Placement {
  readonly device: Device;
  readonly assignment: GraphAssignment;
}

/** Field names as in `ModelSignature`; maps become objects. */
const signatureJson = (signature: ModelSignature, batching: string, placement: Placement | null): string =>
  JSON.stringify(
    {
      ...signature,
      batching,
      opsets: Object.fromEntries(signature.opsets),
      metadata: Object.fromEntries(signature.metadata),
      ...(placement && {
        placement: {
          device: deviceText(placement.device),
          providers: nodesByProvider(placement.assignment),
          copies: placement.assignment.copies,
        },
      }),
    },
    null,
    2,
  );

/**
 * The configuration that a server would use for a file of a repository, `<model>/<version>/<file>`: it may name
 * libraries that the file needs. An empty one elsewhere, and when it cannot be read.
 */
function configurationOf(path: string): { folder: string; message: ConfigMessage; source: ConfigSource } {
  const folder = dirname(dirname(path));
  const file = join(folder, 'config.pbtxt');
  const none = { kind: 'none' } as const;
  if (!/^\d+$/.test(basename(dirname(path))) || !existsSync(file)) return { folder, message: {}, source: none };
  try {
    const source = { kind: 'file', path: file, text: readFileSync(file) } as const;
    const settings = { autoComplete: true, defaultMaxBatchSize, gpuOrdinals: [] };
    return { folder, message: readConfigMessage({ modelName: basename(folder), source, settings }), source };
  } catch {
    return { folder, message: {}, source: none };
  }
}

/** Faults of the configuration are reported by `validate`, not here. */
function batchingOf(query: Parameters<typeof resolveModelConfig>[0]): string {
  try {
    return batchingText(resolveModelConfig(query));
  } catch {
    return batchingText(resolveModelConfig({ ...query, source: { kind: 'none' } }));
  }
}

/** The first of the given plug-ins where the configuration asks for none. */
function withPlugin(spec: SessionSpec, [first]: readonly PluginLibrary[]): SessionSpec {
  return spec.plugin || first === undefined ? spec : { ...spec, plugin: { name: first.name, options: new Map() } };
}

/** The exit code; rejects with an `InferenceError` when the model cannot be read, or a `UsageError`. */
export async function inspectCommand(words: readonly string[], surroundings: ToolSurroundings): Promise<number> {
  const { paths, json, libraryPath, cudaLibraryPaths, device, plugins } = parseInspectArguments(
    words,
    surroundings.cwd,
  );
  const path = paths[0] as string;
  if (!existsSync(path)) throw new Error(`there is no model file '${path}'`);
  const engine = await surroundings.openEngine(libraryPath, cudaLibraryPaths, plugins);
  const { folder, message, source } = configurationOf(path);
  const settings: ConfigSettings = {
    autoComplete: true,
    defaultMaxBatchSize,
    gpuOrdinals: engine.cudaDevices().map(({ ordinal }) => ordinal),
    plugins: plugins.map(({ name }) => name),
  };
  const options = inspectionOptions(folder, message, settings);
  const file = { path, folder: realpathSync(dirname(path)) };
  const signature = await engine.inspect(file, options);
  const batching = batchingOf({ modelName: basename(folder), source, settings, signature });
  const placement: Placement | null =
    device === null
      ? null
      : {
          device,
          assignment: await engine.readAssignment(
            withPlugin(placementSpec(file, device, folder, message, settings), plugins),
          ),
        };
  surroundings.write(json ? `${signatureJson(signature, batching, placement)}\n` : signatureText(signature, batching));
  if (placement !== null && !json) surroundings.write(`\n${assignmentText(placement.device, placement.assignment)}`);
  return 0;
}
