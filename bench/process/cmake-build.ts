/** Builds the bench's C++ programs: one cmake project, out of the source tree, again only where something changed. */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** The files of the given folders, and the given files. */
const filesOf = (paths: readonly string[]): string[] =>
  paths.flatMap((path) => (statSync(path).isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [path]));

/** Whether `program` is there and no younger file is among `inputs`: files, or folders whose files count. */
export function isUpToDate(program: string, inputs: readonly string[]): boolean {
  if (!existsSync(program)) return false;
  const { mtimeMs } = statSync(program);
  return filesOf(inputs).every((file) => statSync(file).mtimeMs <= mtimeMs);
}

/** Null when that worked, else why it did not. */
export function buildWithCmake(sources: string, build: string): string | null {
  if (spawnSync('cmake', ['--version']).status !== 0) return 'cmake is not installed';
  const steps = [
    ['-S', sources, '-B', build, '-DCMAKE_BUILD_TYPE=Release'],
    ['--build', build, '--parallel', String(availableParallelism())],
  ];
  for (const step of steps) {
    const { status, stdout, stderr } = spawnSync('cmake', step, { encoding: 'utf8' });
    if (status !== 0) return `cmake ${step.join(' ')} failed:\n${`${stdout}${stderr}`.slice(-2000)}`;
  }
  return null;
}
