// Builds and runs the engine's own tests, without Node in the process under test.
//
//   node native/test/run.mjs [--sanitize=address|thread] [part of a test's name]
//
// address means ASan with UBSan. Each way is a preset of CMakePresets.json with a build folder of its own below build/.

import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const presets = { '': 'native-test', address: 'native-test-asan', thread: 'native-test-tsan' };

const flags = process.argv.slice(2).filter((argument) => argument.startsWith('--'));
const part = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const sanitize = flags[0]?.replace('--sanitize=', '') ?? '';
if (presets[sanitize] === undefined || flags.length > 1) {
  console.error('usage: node native/test/run.mjs [--sanitize=address|thread] [PART_OF_A_NAME]');
  process.exit(2);
}

const preset = presets[sanitize];
const run = (command, args, env = process.env) => {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env });
  if (error !== undefined) console.error(`${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
};

run('cmake', ['--preset', preset, '--log-level=WARNING']);
run('cmake', ['--build', '--preset', preset, '--parallel', '2']);

const require = createRequire(import.meta.url);
const packaged = join(
  dirname(require.resolve('onnxruntime-node/package.json')),
  `bin/napi-v6/${process.platform}/${process.arch}/libonnxruntime.so.1`,
);
const { NEREID_RUNTIME: named = '' } = process.env;
const isFolder = named !== '' && statSync(named, { throwIfNoEntry: false })?.isDirectory();
const runtime = named === '' ? packaged : isFolder ? join(named, 'libonnxruntime.so.1') : named;
const suppressions = (name) => `suppressions=${join(root, 'native/test', name)}`;
const test = [join(root, 'build', preset, 'nereid_native_test'), runtime, ...part];
// ThreadSanitizer of older compilers cannot work with the full randomness of addresses; setarch takes it away.
const command =
  sanitize === 'thread' ? ['setarch', process.arch === 'x64' ? 'x86_64' : 'aarch64', '-R', ...test] : test;
// A test asks for more memory than there is; the sanitizers would end the process where malloc returns null.
const returnsNull = 'allocator_may_return_null=1';
run(command[0], command.slice(1), {
  ...process.env,
  ASAN_OPTIONS: returnsNull,
  LSAN_OPTIONS: `${suppressions('lsan.supp')}:print_suppressions=0`,
  TSAN_OPTIONS: `${suppressions('tsan.supp')}:halt_on_error=1:${returnsNull}`,
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
});
