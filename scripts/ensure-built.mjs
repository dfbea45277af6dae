// Brings a checkout to a state in which it runs: installs the dependencies and builds the addon and the server, each only
// when missing or older than its sources. `npm start` and `npm test` call it first, so it must run before anything is
// installed: Node's own modules only.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function run(step, command, args) {
  console.error(`nereid: ${step}`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  console.error(
    `nereid: ${step} failed (${error ? error.message : `${command} ${args.join(' ')} ended with ${status}`}).`,
  );
  if (step.includes('addon')) {
    console.error('nereid: the addon needs CMake >= 3.15 and a C++20 compiler: apt-get install cmake g++ make');
  }
  process.exit(1);
}

/** Modification time of the newest file below the given paths, 0 when there is none. */
function newest(...paths) {
  let time = 0;
  for (const path of paths.map((path) => join(root, path))) {
    if (!existsSync(path)) continue;
    const entry = statSync(path);
    if (!entry.isDirectory()) time = Math.max(time, entry.mtimeMs);
    else
      for (const name of readdirSync(path, { recursive: true }))
        time = Math.max(time, statSync(join(path, name)).mtimeMs);
  }
  return time;
}

if (newest('node_modules/.package-lock.json') < newest('package-lock.json')) {
  // Also runs the `install` script, which builds the addon. NODE_ENV=production must not leave the compiler out.
  run('installing dependencies and building the addon', 'npm', ['ci', '--include=dev', '--no-audit', '--no-fund']);
}
if (
  newest('build/addon/Release/nereid.node') < newest('native/binding', 'native/engine', 'native/ort', 'CMakeLists.txt')
) {
  run('building the addon', 'npm', ['run', '--silent', 'build:native']);
}
if (newest('dist/main.js') < newest('src', 'tsconfig.json'))
  run('building the server', 'npm', ['run', '--silent', 'build:ts']);
