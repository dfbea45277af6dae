/** Which ONNX Runtime this process uses: a named one, an installed one where there is a driver, or the npm package's. */

import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { failedPrecondition } from '../errors.ts';
import { type InstalledRuntime, runtimeLibraryName } from './installed-runtimes.ts';

interface Question {
  /** `--onnxruntime-library`, absolute; null when it was not given. */
  readonly libraryPath: string | null;
  /** `NEREID_RUNTIME`: a library, or the folder of a runtime. */
  readonly fromEnvironment: string | undefined;
  readonly cwd: string;
  /** Newest first. Asked for only where it matters. */
  readonly installed: () => readonly InstalledRuntime[];
  readonly hasDriver: () => boolean;
}

export interface RuntimeChoice {
  /** Absolute; null for the library of the npm package. */
  readonly libraryPath: string | null;
  /** Completes "ONNX Runtime is taken from …". */
  readonly reason: string;
  /** The name of an installed runtime that is used as soon as there is a driver; null for none. */
  readonly waiting: string | null;
}

/** The library that `NEREID_RUNTIME` means. Throws `failed_precondition` when there is none. */
function namedRuntime(path: string): string {
  const library = statSync(path, { throwIfNoEntry: false })?.isDirectory() ? join(path, runtimeLibraryName) : path;
  if (existsSync(library)) return library;
  throw failedPrecondition(
    `NEREID_RUNTIME expects an ONNX Runtime library, or the folder of a runtime, but '${path}' was given, where there is none`,
  );
}

/** Throws `failed_precondition` when what was named does not exist. */
export function chooseRuntime({ libraryPath, fromEnvironment, cwd, installed, hasDriver }: Question): RuntimeChoice {
  if (libraryPath !== null) return { libraryPath, reason: '--onnxruntime-library', waiting: null };
  if (fromEnvironment) {
    return { libraryPath: namedRuntime(resolve(cwd, fromEnvironment)), reason: 'NEREID_RUNTIME', waiting: null };
  }
  const ofPackage = 'the npm package onnxruntime-node';
  const runtimes = installed();
  const usable = runtimes.find(({ problem }) => problem === null);
  if (usable === undefined) {
    const [broken] = runtimes;
    if (broken === undefined) return { libraryPath: null, reason: ofPackage, waiting: null };
    const reason = `${ofPackage}: the installed runtime ${broken.name} cannot be used, ${broken.problem}; nereid gpu install repairs it`;
    return { libraryPath: null, reason, waiting: null };
  }
  if (!hasDriver()) {
    const reason = `${ofPackage}: ${usable.name} is installed, but there is no NVIDIA driver`;
    return { libraryPath: null, reason, waiting: usable.name };
  }
  return {
    libraryPath: join(usable.folder, runtimeLibraryName),
    reason: `the installed runtime ${usable.name}`,
    waiting: null,
  };
}
