/** Opens the engine of this process on the ONNX Runtime that the settings, the environment and the machine call for. */

import { homedir } from 'node:os';
import type { Engine } from '../engine/engine.ts';
import { describeDriver } from '../engine/driver.ts';
import { findRuntimeLibrary } from '../engine/load-native.ts';
import { createNativeEngine, type NativeEngineOptions } from '../engine/native-engine.ts';
import { chooseRuntime, type RuntimeChoice } from './choose-runtime.ts';
import { findCudaLibraries } from './cuda-libraries.ts';
import { tryPlugins } from './plugin-trial.ts';
import { listRuntimes, runtimesFolder } from './installed-runtimes.ts';

type RuntimeOptions = Omit<NativeEngineOptions, 'libraryPath' | 'cudaLibraries'>;

export interface OpenEngineOptions extends RuntimeOptions {
  /** Null for the one that the environment and the machine call for. */
  readonly libraryPath: string | null;
  /** Folders that are looked in first for CUDA's libraries. */
  readonly cudaLibraryPaths: readonly string[];
}

/** The runtime that is used, before it is opened. */
export interface FoundRuntime extends RuntimeChoice {
  /** Absolute. */
  readonly libraryPath: string;
  /** Absolute paths of CUDA's libraries, and names of those that were found in no folder. */
  readonly cudaLibraries: readonly string[];
}

/**
 * In this order: the given library, `NEREID_RUNTIME`, the newest installed GPU runtime if there is a driver, the npm
 * package's. Throws `failed_precondition` when what was named does not exist.
 */
export function findRuntime(libraryPath: string | null, cudaLibraryPaths: readonly string[]): FoundRuntime {
  const { env } = process;
  const { NEREID_RUNTIME: fromEnvironment } = env;
  const choice = chooseRuntime({
    libraryPath,
    fromEnvironment,
    cwd: process.cwd(),
    installed: () => listRuntimes(runtimesFolder(env, homedir()), `${process.platform}-${process.arch}`),
    // One that does not start counts too: the engine then says why.
    hasDriver: () => describeDriver().isThere,
  });
  const library = choice.libraryPath ?? findRuntimeLibrary();
  return { ...choice, libraryPath: library, cudaLibraries: findCudaLibraries(library, cudaLibraryPaths, env) };
}

/** Opens a runtime that was found. Throws `failed_precondition` when it does not open or is too old. */
export function openRuntime({ libraryPath, cudaLibraries, reason }: FoundRuntime, options: RuntimeOptions): Engine {
  options.logger.debug({ library: libraryPath, cudaLibraries }, `ONNX Runtime is taken from ${reason}`);
  tryPlugins(libraryPath, options.plugins ?? []);
  return createNativeEngine({ ...options, libraryPath, cudaLibraries });
}

/** Throws `failed_precondition` when there is no runtime, or one that does not open or is too old. */
export const openEngine = ({ libraryPath, cudaLibraryPaths, ...options }: OpenEngineOptions): Engine =>
  openRuntime(findRuntime(libraryPath, cudaLibraryPaths), options);
