/**
 * Which file serves for each of CUDA's libraries: the ones that the CUDA provider beside an ONNX Runtime asks for, and those
 * that it opens when a kernel needs them. They are opened by these paths, so that no LD_LIBRARY_PATH is needed.
 */

import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { neededLibraries } from './elf-needed.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const providerName = 'libonnxruntime_providers_cuda.so';

/** Opened by name when they are first used, by the provider and by cuDNN; their numbers depend on that of CUDA. */
const openedLater: Readonly<Record<string, readonly string[]>> = {
  '12': ['libcufft.so.11', 'libnvJitLink.so.12', 'libnvrtc.so.12', 'libcudnn.so.9'],
  '13': ['libcufft.so.12', 'libnvJitLink.so.13', 'libnvrtc.so.13', 'libcudnn.so.9'],
};

/** Libraries that come in parts, which are opened from the same folder. */
const partsOf: Readonly<Record<string, RegExp>> = {
  'libcudnn.so.9': /^libcudnn_\w+\.so\.9$/,
  'libnvrtc.so.12': /^libnvrtc-builtins\.so\.12(\.\d+)*$/,
  'libnvrtc.so.13': /^libnvrtc-builtins\.so\.13(\.\d+)*$/,
};

/** Of NVIDIA, and not of the driver. */
const isOfCuda = (name: string): boolean => /^lib(cu|nv)/.test(name) && !/^lib(cuda\.so|nvidia-)/.test(name);

const filesOf = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder);
  } catch {
    // No folder, or none that this user may read: nothing there serves.
    return [];
  }
};

/** The folders of NVIDIA's wheels in a Python environment. */
function foldersOfPython(environment: string | undefined): readonly string[] {
  if (!environment) return [];
  const pythons = filesOf(join(environment, 'lib')).filter((name) => /^python3\.\d+$/.test(name));
  return pythons.flatMap((python) => {
    const nvidia = join(environment, 'lib', python, 'site-packages', 'nvidia');
    return filesOf(nvidia).map((name) => join(nvidia, name, 'lib'));
  });
}

const absoluteOnly = (paths: readonly string[]): readonly string[] => paths.filter((path) => path.startsWith('/'));

/** The folders that are looked in, in this order; the loader's own come last, by asking it for a bare name. */
function searchedFolders(library: string, chosen: readonly string[], env: Environment): readonly string[] {
  const { LD_LIBRARY_PATH: ofLoader = '', VIRTUAL_ENV: virtual, CONDA_PREFIX: conda, CUDA_HOME: toolkit } = env;
  return absoluteOnly([
    ...chosen,
    dirname(library),
    ...ofLoader.split(':'),
    ...foldersOfPython(virtual),
    ...foldersOfPython(conda),
    ...[toolkit, '/usr/local/cuda'].flatMap((root) => (root ? [join(root, 'lib64'), join(root, 'lib')] : [])),
  ]);
}

/**
 * Absolute paths, and bare names of libraries that were found in no folder; empty for a runtime without CUDA.
 *
 * @param library path of libonnxruntime
 * @param chosen folders that are looked in first, `--cuda-library-path`
 */
export function findCudaLibraries(library: string, chosen: readonly string[], env: Environment): readonly string[] {
  const provider = join(dirname(library), providerName);
  if (!existsSync(provider)) return [];
  const needed = neededLibraries(provider).filter(isOfCuda);
  const major = needed.map((name) => /^libcudart\.so\.(\d+)$/.exec(name)?.[1]).find((found) => found !== undefined);
  const folders = searchedFolders(library, chosen, env);
  const all = [...new Set([...needed, ...(openedLater[major ?? ''] ?? [])])];
  return all.flatMap((name) => {
    const folder = folders.find((one) => existsSync(join(one, name)));
    if (folder === undefined) return [name];
    const part = partsOf[name];
    const parts = part === undefined ? [] : filesOf(folder).filter((file) => part.test(file));
    return [...parts.sort(), name].map((file) => join(folder, file));
  });
}
