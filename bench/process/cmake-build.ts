/** Builds the bench's C++ programs: one cmake project, out of the source tree, again only where something changed. */

import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

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
