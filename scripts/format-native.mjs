// Checks that the C++ sources are formatted as .clang-format says; with --write, formats them. clang-format comes from
// npm, so that everybody has the same one.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = readdirSync(join(root, 'native'), { recursive: true })
  .filter((name) => /\.(cc|h)$/.test(name))
  .map((name) => join('native', name))
  .sort();

const mode = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '--Werror'];
const tool = join(root, 'node_modules', 'clang-format', 'index.js');
const { status } = spawnSync(process.execPath, [tool, ...mode, ...sources], { cwd: root, stdio: 'inherit' });
if (status !== 0) {
  console.error('the C++ sources are not formatted; run: node scripts/format-native.mjs --write');
  process.exit(1);
}
