/**
 * The form in which the engine gives a model to the runtime: the file itself, or a rewritten copy of it in memory.
 * Before that, the file and its external data are checked.
 */

import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, relative, sep } from 'node:path';
import { unimplemented } from '../errors.ts';
import { fileThreads } from '../file-threads.ts';
import { quoted } from '../shown-text.ts';
import { ChangedFileError } from './changed-file-error.ts';
import type { ModelFile } from './engine.ts';
import type { DeclaredValue } from './onnx-file/declared-value.ts';
import { checkExternalFiles, type ExternalFile, realPathOf } from './onnx-file/external-files.ts';
import type { OnnxFileFacts } from './onnx-file/onnx-facts.ts';
import { readOnnxFile } from './onnx-file/read-onnx-file.ts';
import { withoutWeights } from './onnx-file/without-weights.ts';
import { type MovedLocations, withoutZipMap } from './onnx-file/zip-map.ts';

/** The state of a file when it was checked. */
interface SourceFile {
  readonly path: string;
  readonly facts: BigIntStats | null;
}

export interface OpenableModel {
  readonly file: ModelFile;
  /** Null: open the file. */
  readonly bytes: Uint8Array | null;
  /** Session entries that these bytes need, flat: key, value. */
  readonly sessionEntries: readonly string[];
  /** Null for ONNX Runtime's own format, which has no declarations that can be read here. */
  readonly facts: OnnxFileFacts | null;
  /** The files that the runtime reads while it opens the model: the model file, and then its external data. */
  readonly files: readonly SourceFile[];
  /** Whether the bytes refer to weights in the model file itself. */
  readonly mapsModelFile: boolean;
  /** Class labels by output, where the model has them. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
}

const noLabels: ReadonlyMap<string, readonly string[]> = new Map();

/** Element types that the runtime itself calls invalid. The addon refuses other unsupported types. */
const complexTypes: ReadonlyMap<unknown, string> = new Map([
  [14, 'complex64'],
  [15, 'complex128'],
]);

/** The paths of the files that the runtime may map: all but a model file of ONNX's format, unless its weights stay there. */
export const mappablePaths = ({ facts, files, mapsModelFile }: OpenableModel): string[] =>
  (facts === null || mapsModelFile ? files : files.slice(1)).map(({ path }) => path);

/** Files from this size on are opened without their weights. */
const largeFileBytes = 8 * 1024 * 1024;

/** The runtime's setting for the folder of the external data of a model in memory. */
const externalFolderKey = 'session.model_external_initializers_file_folder_path';

/** The same model with its large weights left in its file; null where this would not be cheaper. */
export interface LightModel {
  readonly toInspect: OpenableModel | null;
  /** Outside Linux null: mappings of the file would stay, and could be cut while the model serves. */
  readonly toServe: OpenableModel | null;
}

/** For the first attempt to open a model: if the runtime refuses it, the file itself decides. Rejects as `readOpenableModel` does. */
export async function withoutLargeWeights(source: OpenableModel): Promise<LightModel> {
  const { facts, file } = source;
  const isWholeFile = source.bytes === null && facts !== null && facts.externalData.length === 0;
  if (!isWholeFile || facts.sizeBytes < largeFileBytes) return { toInspect: null, toServe: null };
  // A model in memory has no folder, and the runtime does not follow links for it.
  const path = await realPathOf(file.path);
  const { toInspect, toServe } = await withoutWeights(path, basename(path));
  const sessionEntries = [externalFolderKey, dirname(path)];
  const light = (bytes: Uint8Array | null) => bytes && { ...source, bytes, sessionEntries, mapsModelFile: true };
  return { toInspect: light(toInspect), toServe: process.platform === 'linux' ? light(toServe) : null };
}

/** Rejects with the fault of the file, as reported by `onnx-file`. */
export async function readOpenableModel(file: ModelFile): Promise<OpenableModel> {
  const self = await lookAt(file.path);
  const facts = await readOnnxFile(file.path);
  if (facts === null)
    return { file, bytes: null, sessionEntries: [], facts, files: [self], mapsModelFile: false, labels: noLabels };
  refuseComplex('input', facts.inputs);
  refuseComplex('output', facts.outputs);
  const external = await checkExternalFiles(facts, file);
  const files = [self, ...(await Promise.all(external.map(({ path }) => lookAt(path))))];
  const { folder, moved } = placesInMemory(file, external);
  const rewritten = facts.zipMapOutputs.length > 0 ? await withoutZipMap(file.path, moved) : null;
  const asRead = { file, facts, files, mapsModelFile: false };
  if (rewritten === null) return { ...asRead, bytes: null, sessionEntries: [], labels: noLabels };
  return { ...asRead, ...rewritten, sessionEntries: [externalFolderKey, folder] };
}

/**
 * The locations of the external data of a model in memory. Such a model has no folder, and the runtime does not follow
 * links for it. So the locations are real paths below one folder that contains all the files, which have been checked.
 */
function placesInMemory(
  file: ModelFile,
  external: readonly ExternalFile[],
): { readonly folder: string; readonly moved: MovedLocations } {
  const [first, ...others] = external.map(({ path }) => dirname(path).split(sep));
  if (first === undefined) return { folder: dirname(file.path), moved: new Map() };
  const shared = others.reduce((common, parts) => {
    const end = common.findIndex((part, index) => part !== parts[index]);
    return end < 0 ? common : common.slice(0, end);
  }, first);
  const folder = shared.join(sep) || sep;
  return { folder, moved: new Map(external.map(({ location, path }) => [location, relative(folder, path)])) };
}

function refuseComplex(subject: string, values: readonly DeclaredValue[]): void {
  for (const { name, element } of values) {
    const type = complexTypes.get(element);
    if (type !== undefined) {
      throw unimplemented(
        `${subject} ${quoted(name)} has type tensor(${type}), expected a tensor of BOOL, (U)INT8/16/32/64, FP16, FP32, FP64, BF16 or BYTES`,
      );
    }
  }
}

const lookAt = async (path: string): Promise<SourceFile> => ({
  path,
  facts: await fileThreads.contents(() => stat(path, { bigint: true })).catch(() => null),
});

/**
 * Whether a file still has the same bytes. The time of its attributes cannot be set by a user, so it reveals a file that was
 * replaced or overwritten by one of the same size and time (`cp -p`, `rsync -t --inplace`).
 */
const isSameFile = (before: BigIntStats | null, now: BigIntStats | null): boolean =>
  now?.ino === before?.ino &&
  now?.dev === before?.dev &&
  now?.size === before?.size &&
  now?.mtimeNs === before?.mtimeNs &&
  now?.ctimeNs === before?.ctimeNs;

/** Rejects with a `ChangedFileError` when a file has changed: the opened model may be a mixture of old and new bytes. */
export async function checkUnchanged({ files }: OpenableModel): Promise<void> {
  for (const { path, facts: before } of files) {
    const { facts: now } = await lookAt(path);
    if (!isSameFile(before, now)) {
      throw new ChangedFileError(`'${basename(path)}' changed while the model was opened; it is to be loaded again`);
    }
  }
}
