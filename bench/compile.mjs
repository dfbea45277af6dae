/**
 * Compiles the bench and the soak into build/bench: Node 20 does not run TypeScript. Takes about a second. On a machine
 * without the compiler, to which a built checkout was copied, the earlier output is used.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const fromRoot = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** The compiler is a program for one platform, in a package of its own. */
function hasCompiler() {
  try {
    createRequire(import.meta.url).resolve(`@typescript/typescript-${process.platform}-${process.arch}/package.json`);
    return true;
  } catch {
    return false;
  }
}

/** Ends the process when it does not compile. */
export function compileBench() {
  if (!hasCompiler() && existsSync(fromRoot('build/bench/bench/main.js'))) {
    console.error('bench: there is no TypeScript compiler; build/bench is taken as it is');
    return;
  }
  const compiler = fromRoot('node_modules/typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'bench'], { cwd: fromRoot(''), stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
