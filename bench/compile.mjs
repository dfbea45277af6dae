/** Compiles the bench and the soak into build/bench: Node 20 does not run TypeScript. Takes about a second. */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Ends the process when it does not compile. */
export function compileBench() {
  const compiler = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'bench'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
