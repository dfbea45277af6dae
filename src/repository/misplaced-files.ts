/**
 * Finds files in the wrong place: with the wrong name, in the wrong folder, or of another framework. With them an error
 * can say what to do, and not only which file is missing.
 */

import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileThreads } from '../file-threads.ts';
import { quoted } from '../shown-text.ts';
import { kindOf } from './read-file.ts';

const onnxEndings: ReadonlySet<string> = new Set(['.onnx', '.ort']);

/** File extensions of other frameworks, and how such models become ONNX. */
const foreignKinds: ReadonlyMap<string, string> = new Map([
  ['.pt', 'a PyTorch model: export it with torch.onnx.export'],
  ['.pth', 'a PyTorch model: export it with torch.onnx.export'],
  ['.bin', 'no ONNX model; a PyTorch checkpoint is exported with torch.onnx.export or optimum-cli'],
  ['.safetensors', 'weights without a graph: export the model with optimum-cli export onnx'],
  ['.pb', 'a TensorFlow model: convert it with tf2onnx'],
  ['.tflite', 'a TensorFlow Lite model: convert it with tf2onnx'],
  ['.h5', 'a Keras model: export it with model.export(…, format="onnx")'],
  ['.keras', 'a Keras model: export it with model.export(…, format="onnx")'],
  ['.pkl', 'a pickled model: convert it with skl2onnx or onnxmltools'],
  ['.joblib', 'a pickled model: convert it with skl2onnx or onnxmltools'],
  ['.plan', 'a TensorRT engine: serve the ONNX model that it was built from'],
  ['.engine', 'a TensorRT engine: serve the ONNX model that it was built from'],
]);

const isOnnxName = (name: string): boolean => onnxEndings.has(extname(name).toLowerCase());

/** Whether a file of that name is a model, of any framework. */
export const isModelName = (name: string): boolean => isOnnxName(name) || foreignKinds.has(extname(name).toLowerCase());

/** Folders that file systems and tools put beside models; never looked into. */
export const systemFolders: ReadonlySet<string> = new Set([
  'lost+found',
  '$RECYCLE.BIN',
  'System Volume Information',
  '@eaDir',
  '__pycache__',
  '__MACOSX',
]);

/**
 * Advice for a version's folder that lacks its model file; '' when there is none.
 *
 * @param wanted the file's name, relative to the version's folder
 */
export async function hintForVersion(modelFolder: string, version: number, wanted: string): Promise<string> {
  const entries = await entriesOf(join(modelFolder, String(version)));
  const itself = entries.find(({ name }) => name === wanted);
  if (itself !== undefined) return `what has that name is ${strangeKind(itself)}`;
  const names = entries.map(({ name }) => name).sort();
  const onnx = names.filter(isOnnxName);
  if (onnx.length > 0) {
    const first = onnx[0] as string;
    return `the folder has ${listed(onnx)}: rename it to ${quoted(wanted)}, or set default_model_filename: "${first}" in config.pbtxt`;
  }
  const foreign = foreignHint(names);
  if (foreign !== '') return foreign;
  const above = (await entriesOf(modelFolder)).find(({ name }) => name === wanted || isOnnxName(name));
  if (above !== undefined) return `${quoted(above.name)} lies in the model's folder: move it into '${version}/'`;
  return names.length === 0 ? 'the folder is empty' : '';
}

/** The kind of an entry that is no file, also when links are followed. */
function strangeKind(entry: Dirent): string {
  if (entry.isSymbolicLink()) return 'a link that leads to no file';
  return kindOf(entry);
}

/** Advice for a model's folder without a version to serve; '' when there is none. */
export async function hintForModel(modelFolder: string, name: string): Promise<string> {
  const entries = await entriesOf(modelFolder);
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
  const onnx = files.filter(isOnnxName).sort();
  if (onnx.length > 0) {
    const [first] = onnx as [string];
    const isVersion = /^[1-9][0-9]*$/.test(name);
    return isVersion
      ? `${quoted(first)} lies in it as in the folder of a version: --model-repository must name the folder that holds the models' folders, one further up`
      : `${listed(onnx)} lies in the model's folder itself: put it into '${name}/1/'${first === 'model.onnx' ? '' : " as 'model.onnx'"}`;
  }
  const foreign = foreignHint(files.sort());
  if (foreign !== '') return foreign;
  const strange = entries.filter((entry) => entry.isDirectory() && !/^[1-9][0-9]*$/.test(entry.name));
  for (const { name: folder } of strange) {
    const inside = (await entriesOf(join(modelFolder, folder))).find((entry) => isModelName(entry.name));
    if (inside !== undefined) {
      return `${quoted(inside.name)} lies in ${quoted(folder)}, which is no version: rename that folder to '1'`;
    }
  }
  return `expected a folder such as '${name}/1' with model.onnx in it`;
}

/** Advice for a repository without a model; '' when there is none. */
export async function hintForRepository(repository: string): Promise<string> {
  const entries = await entriesOf(repository);
  const bare = entries.filter((entry) => !entry.isDirectory() && isModelName(entry.name)).map(({ name }) => name);
  if (bare.some(isOnnxName)) {
    const onnx = bare.filter(isOnnxName).sort();
    return `${listed(onnx)} lies in it without a folder: a bare model belongs into '<model>/<version>/', such as 'mymodel/1/model.onnx'`;
  }
  const foreign = foreignHint(bare.sort());
  if (foreign !== '') return foreign;
  for (const { name } of entries.filter((entry) => /^[1-9][0-9]*$/.test(entry.name))) {
    if ((await entriesOf(join(repository, name))).some((entry) => isModelName(entry.name))) return oneModelHint;
  }
  return entries.some(({ name }) => name === 'config.pbtxt') ? oneModelHint : '';
}

/** For the log: a repository without a model, with the advice of `hintForRepository`. */
export const noModelText = (hint: string): string =>
  `no model was found: ${hint === '' ? "a repository has a folder per model, with a folder per version in it, such as 'mymodel/1/model.onnx'" : hint}`;

const oneModelHint =
  "it looks like the folder of one model: --model-repository must name the folder that holds the models' folders, one further up";

function foreignHint(names: readonly string[]): string {
  for (const name of names) {
    const kind = foreignKinds.get(extname(name).toLowerCase());
    if (kind !== undefined) return `${quoted(name)} is ${kind}`;
  }
  return '';
}

/** At most three names. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3).map(quoted).join(', ');
  return names.length > 3 ? `${shown}, …` : shown;
}

/** Empty when the folder cannot be read: advice must not cause an error. */
const entriesOf = (folder: string): Promise<readonly Dirent[]> =>
  fileThreads.folders(() => readdir(folder, { withFileTypes: true })).catch(() => []);
