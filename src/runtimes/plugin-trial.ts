/**
 * Tries an execution provider before this process registers it. Its library runs code of others when it is registered:
 * one that was built for another ONNX Runtime may end the process there, without a word of which library did it.
 */

import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PluginLibrary } from '../engine/native-engine.ts';
import { failedPrecondition } from '../errors.ts';

/** The same path from `src/runtimes` and from `dist/runtimes`. */
const trialEntry = fileURLToPath(new URL('../../dist/runtimes/plugin-trial-process.js', import.meta.url));

/** The last words of a trial that went well. */
export const registeredText = 'registered';

/** Opening a runtime and a library takes a second, and longer while others use the disk. */
const patienceMs = 60_000;

interface TrialEnd {
  readonly status: number | null;
  readonly signal: string | null;
  /** Whether it said that the plug-in is registered: a library may end the process with any exit code. */
  readonly isRegistered: boolean;
  /** What it wrote to standard error. */
  readonly said: string;
  readonly isLate: boolean;
}

/** Runs a process that opens the runtime and registers the plug-in. Blocks until it has ended. */
function runTrial(libraryPath: string, { name, path }: PluginLibrary): TrialEnd {
  const words = [trialEntry, libraryPath, name, path];
  const { status, signal, stdout, stderr, error } = spawnSync(process.execPath, words, {
    encoding: 'utf8',
    timeout: patienceMs,
    killSignal: 'SIGKILL',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const isLate = (error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT';
  const isRegistered = (stdout ?? '').trimEnd().endsWith(registeredText);
  return { status, signal, isRegistered, said: stderr ?? '', isLate };
}

/** What is wrong with a plug-in, by the end of its trial; null when nothing is. */
function trialProblem(
  { name }: PluginLibrary,
  { status, signal, isRegistered, said, isLate }: TrialEnd,
): string | null {
  if (status === 0 && isRegistered) return null;
  const subject = `the execution provider '${name}'`;
  if (isLate) return `${subject} is not registered within ${patienceMs / 1000} s`;
  // The trial's own sentence is the last line: the library may write before it.
  const sentence = said.trimEnd().split('\n').at(-1) ?? '';
  if (status === 1 && sentence !== '') return sentence;
  const end = signal === null ? `the exit code ${status}` : `the signal ${signal}`;
  return (
    `${subject} ends the process that registers it, with ${end}: ` +
    'its library does not fit this ONNX Runtime, or lacks something on this machine'
  );
}

/**
 * Throws `failed_precondition` for the first plug-in that is missing, refuses, or ends a process that registers it.
 *
 * @param libraryPath the ONNX Runtime, absolute
 */
export function tryPlugins(libraryPath: string, plugins: readonly PluginLibrary[], run = runTrial): void {
  for (const plugin of plugins) {
    const { name, path } = plugin;
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
      throw failedPrecondition(`--execution-provider=${name} expects a library, but there is no file '${path}'`);
    }
    const problem = trialProblem(plugin, run(libraryPath, plugin));
    if (problem !== null) throw failedPrecondition(problem);
  }
}
