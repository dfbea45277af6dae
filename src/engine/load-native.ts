/** Finds the built addon and the ONNX Runtime library. The only file that loads a `.node` file. */

import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { failedPrecondition } from '../errors.ts';
import type { NativeAddon } from './native.ts';

const require = createRequire(import.meta.url);

/** The same path from `src/engine` and from `dist/engine`. */
const addonPath = fileURLToPath(new URL('../../build/addon/Release/nereid.node', import.meta.url));

/**
 * Loads the addon, once per thread. Each room declares the interface of the functions that it uses. Throws
 * `failed_precondition` with advice when the addon was not built or does not load.
 */
export function loadNative<Face = NativeAddon>(): Face {
  if (!existsSync(addonPath)) {
    throw failedPrecondition(
      "the native addon is not built; run 'npm run build:native' (needs CMake >= 3.15 and a C++20 compiler)",
    );
  }
  try {
    return require(addonPath) as Face;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw failedPrecondition(`the native addon does not load, build it again with 'npm run build:native': ${reason}`);
  }
}

/**
 * The library inside the installed onnxruntime-node package. Throws `failed_precondition` where the package or its
 * binaries for this platform are missing.
 */
export function findRuntimeLibrary(): string {
  const advice = 'install it with npm, or name a library with --onnxruntime-library=PATH';
  let folder: string;
  try {
    folder = dirname(require.resolve('onnxruntime-node/package.json'));
  } catch (error) {
    throw failedPrecondition(`the npm package onnxruntime-node is not installed; ${advice}`, error);
  }
  const binaries = join(folder, 'bin', 'napi-v6', process.platform, process.arch);
  const names = existsSync(binaries) ? readdirSync(binaries) : [];
  const name = names.find((file) => /^libonnxruntime\.(so\.1|1(\.\d+)*\.dylib)$/.test(file));
  if (name === undefined) {
    throw failedPrecondition(
      `onnxruntime-node has no library for ${process.platform}/${process.arch}; name one with --onnxruntime-library=PATH`,
    );
  }
  return join(binaries, name);
}
