/** Finds the model file of a version: its name and its path. */

import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import type { CudaDevice, ModelFile } from '../../../engine/engine.ts';
import { invalidArgument, unavailable } from '../../../errors.ts';
import { fileThreads } from '../../../file-threads.ts';
import type { ConfigMessage } from '../../../model-config/schema/config-message.ts';
import { hintForVersion } from '../../../repository/misplaced-files.ts';
import { quoted, shownText } from '../../../shown-text.ts';

/** The default name of the model file. */
const defaultModelFilename = 'model.onnx';

interface FileTask {
  readonly model: string;
  readonly version: number;
  /** Absolute folder of the version. */
  readonly versionFolder: string;
  /** The configuration as written; the model file is needed to complete it. */
  readonly message: ConfigMessage;
  readonly cudaDevices: readonly CudaDevice[];
}

interface FoundModelFile extends ModelFile {
  /** Of the file alone, without external data. */
  readonly sizeBytes: number;
}

/**
 * The file that the version is loaded from: `cc_model_filenames` for the compute capability of the first GPU, else
 * `default_model_filename`, else `model.onnx`. A folder of that name is the model with its external data.
 * External data must stay within the version's folder.
 */
export async function findModelFile(task: FileTask): Promise<FoundModelFile> {
  const name = modelFilename(task);
  const path = resolve(task.versionFolder, name);
  const way = relative(task.versionFolder, path);
  if (way === '' || way.startsWith('..') || isAbsolute(way)) {
    throw invalidArgument(
      `model '${task.model}': the model file name ${quoted(name)} must stay within the folder of version ${task.version}`,
    );
  }
  const entry = await factsOf(path);
  if (entry?.isFile()) return { path, folder: task.versionFolder, sizeBytes: entry.size };
  if (entry?.isDirectory()) {
    const inner = join(path, defaultModelFilename);
    const innerEntry = await factsOf(inner);
    if (innerEntry?.isFile()) return { path: inner, folder: task.versionFolder, sizeBytes: innerEntry.size };
  }
  const hint = await hintForVersion(dirname(task.versionFolder), task.version, way);
  throw unavailable(
    `unable to find '${task.model}/${task.version}/${shownText(way)}' for version ${task.version} of model '${task.model}': expected ` +
      `an ONNX file of that name, or a folder that holds ${defaultModelFilename}${hint === '' ? '' : `; ${hint}`}`,
  );
}

const factsOf = (path: string): Promise<Stats | null> => fileThreads.contents(() => stat(path)).catch(() => null);

function modelFilename({ message, cudaDevices }: FileTask): string {
  const { cc_model_filenames: byCapability = {}, default_model_filename: byDefault } = message;
  const capability = cudaDevices[0]?.computeCapability.toFixed(1) ?? '';
  return byCapability[capability] ?? (byDefault || defaultModelFilename);
}
