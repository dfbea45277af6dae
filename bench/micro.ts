/** `micro`: runs the micro-benchmarks that are there, each in a process of its own. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { repositoryRoot } from './paths.ts';

/** Files bench/<name>.mjs; each prints its own table. */
export const microNames = ['engine', 'scheduling', 'http', 'json', 'grpc-codec', 'statistics'] as const;

/** Runs those named, or all. False when one of them failed. */
export function benchMicro(names: readonly string[]): boolean {
  let isGood = true;
  for (const name of names.length > 0 ? names : microNames) {
    const file = join(repositoryRoot, 'bench', `${name}.mjs`);
    if (!existsSync(file)) {
      console.log(`${name}: skipped, there is no bench/${name}.mjs`);
      continue;
    }
    console.log(`\n${name}`);
    const { status } = spawnSync(process.execPath, ['--expose-gc', file], { cwd: repositoryRoot, stdio: 'inherit' });
    if (status !== 0) {
      console.log(`${name}: failed with code ${status}`);
      isGood = false;
    }
  }
  return isGood;
}
