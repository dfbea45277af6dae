/** The settings with which the addon opens a session: to serve a model, or only to look at its inputs and outputs. */

import { basename } from 'node:path';
import type { InspectionSpec, ModelFile, SessionSpec } from './engine.ts';
import type { NativeSessionSpec } from './native.ts';
import { intraOpThreads, quietThreads } from './thread-shares.ts';

/** The cores of this process, and whether all sessions share a pool of threads. */
export interface EngineThreads {
  readonly cores: number;
  readonly hasGlobalPool: boolean;
}

interface PluginDefaults {
  /** The options with which each plug-in was registered, by its name. */
  readonly pluginOptions: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** Entries for the runtime's options of a session. */
type SessionEntries = readonly (readonly [key: string, value: string])[];

/**
 * Processors without VNNI multiply uint8 by int8 into sums of 16 bits, which saturate: the same model answers
 * differently on another machine. This entry makes ONNX Runtime use kernels that do not saturate
 * (docs/decisions/0006-exact-quantization.md).
 */
const exactQuantization: SessionEntries = [['session.x64quantprecision', '1']];

/** Entries that Nereid adds to those of a session that serves; none may decide whether a model can be opened. */
export const addedEntries = ({ sessionEntries }: SessionSpec): SessionEntries =>
  [...quietThreads, ...exactQuantization].filter(([key]) => !sessionEntries.has(key));

/**
 * Whether the session may find weights in a file beside the model's bytes. TensorRT is given the model, and the settings of compiled
 * models write it, without the weights then.
 */
export const mayMapWeights = ({ tensorrtOptions, plugin, sessionEntries }: SessionSpec): boolean =>
  tensorrtOptions === null && !plugin && ![...sessionEntries.keys()].some((key) => key.startsWith('ep.'));

/** A session that serves. The model's bytes and the files of its weights are filled in when it is opened. */
export const servingSpec = (
  spec: SessionSpec,
  path: string,
  added: SessionEntries,
  { cores, hasGlobalPool, pluginOptions }: EngineThreads & PluginDefaults,
): NativeSessionSpec => ({
  label: spec.label,
  path,
  modelBytes: null,
  cudaOrdinal: spec.device.kind === 'cuda' ? spec.device.ordinal : -1,
  requireDevice: spec.requireDevice,
  intraOpThreads: intraOpThreads(spec, cores, hasGlobalPool),
  interOpThreads: spec.interOpThreads,
  parallelExecution: spec.executionMode === 'parallel',
  graphOptimizationLevel: spec.graphOptimizationLevel,
  enableMemoryArena: spec.enableMemoryArena,
  enableMemoryPattern: spec.enableMemoryPattern,
  sessionEntries: [...added, ...spec.sessionEntries].flat(),
  runEntries: [...spec.runEntries].flat(),
  cudaOptions: [...spec.cudaOptions].flat(),
  useTensorrt: spec.tensorrtOptions !== null,
  tensorrtOptions: [...(spec.tensorrtOptions ?? [])].flat(),
  pluginProvider: spec.plugin?.name ?? '',
  pluginOptions: spec.plugin
    ? [...new Map([...(pluginOptions.get(spec.plugin.name) ?? []), ...spec.plugin.options])].flat()
    : [],
  graphRows: spec.device.kind === 'cuda' && spec.tensorrtOptions === null ? spec.graphRows : [],
  customOpLibraries: spec.customOpLibraries,
  weightFiles: [],
  ownsWeights: true,
});

/** The cheapest way to open a model: on the CPU, without optimisation or preparation for running. */
export const inspectionSpec = (file: ModelFile, spec: InspectionSpec): NativeSessionSpec => ({
  label: basename(file.path),
  path: file.path,
  modelBytes: null,
  cudaOrdinal: -1,
  requireDevice: false,
  intraOpThreads: 1,
  interOpThreads: 1,
  parallelExecution: false,
  graphOptimizationLevel: 0,
  enableMemoryArena: false,
  enableMemoryPattern: false,
  sessionEntries: [...new Map([...(spec.sessionEntries ?? []), ['session.disable_prepacking', '1'] as const])].flat(),
  runEntries: [],
  cudaOptions: [...(spec.cudaOptions ?? [])].flat(),
  useTensorrt: (spec.tensorrtOptions ?? null) !== null,
  tensorrtOptions: [...(spec.tensorrtOptions ?? [])].flat(),
  pluginProvider: '',
  pluginOptions: [],
  graphRows: [],
  customOpLibraries: spec.customOpLibraries ?? [],
  weightFiles: [],
  ownsWeights: false,
});
