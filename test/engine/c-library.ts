/** Shared libraries that a test makes of a few lines of C. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Makes the library at `path`, with its folder; null where there is no compiler. @param flags further words of `cc`, such as libraries that it needs */
export function cLibrary(path: string, source: string, flags: readonly string[] = []): string | null {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.c`, source);
  const linking = [`-Wl,-soname,${basename(path)}`, '-Wl,--no-as-needed'];
  const words = ['-shared', '-fPIC', '-w', ...linking, '-o', path, `${path}.c`, ...flags];
  return spawnSync('cc', words).status === 0 ? path : null;
}
