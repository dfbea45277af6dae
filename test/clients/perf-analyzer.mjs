// Triton's perf_analyzer, as it came inside the tritonclient wheels up to 2.48 (the package perf-analyzer on PyPI is an
// empty placeholder), and short runs of it. It needs two libraries: libcudart from PyPI and libb64 from the system.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const wheels = ['tritonclient==2.48.0', 'nvidia-cuda-runtime-cu12==12.9.79'];
const binary = 'tritonclient-2.48.0.data/data/bin/perf_analyzer';
const windowMs = 1000;

/** `{ reason }` why it cannot be had, or `{ reason: null, command, libraries }`. */
export function preparePerfAnalyzer(pip, folder) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return { reason: 'it is built for x86-64 Linux only' };
  if (!existsSync(join(folder, 'complete'))) {
    mkdirSync(folder, { recursive: true });
    const python = join(pip, '../python');
    const args = ['download', '--quiet', '--no-deps', '--only-binary', ':all:', '--dest', folder, ...wheels];
    if (spawnSync(pip, args).status !== 0) return { reason: `${wheels.join(' and ')} cannot be downloaded` };
    for (const wheel of readdirSync(folder).filter((name) => name.endsWith('.whl'))) {
      spawnSync(python, ['-m', 'zipfile', '-e', join(folder, wheel), folder]);
    }
    chmodSync(join(folder, binary), 0o755);
    writeFileSync(join(folder, 'complete'), '');
  }
  const libraries = [join(folder, 'nvidia/cuda_runtime/lib')];
  const b64 = findB64(folder);
  if (b64 === null) return { reason: 'libb64.so.0d is missing (on Debian and Ubuntu: apt-get install libb64-0d)' };
  if (b64 !== '') libraries.push(b64);
  const command = join(folder, binary);
  const env = { ...process.env, LD_LIBRARY_PATH: libraries.join(delimiter) };
  const version = spawnSync(command, ['--version'], { env, encoding: 'utf8' });
  if (version.status !== 0 && !/Version/.test(version.stdout)) {
    return { reason: `it does not start: ${version.stderr.trim()}` };
  }
  return { reason: null, command, env };
}

/** The folder of libb64.so.0d, '' when the system has it, null when it cannot be had. */
function findB64(folder) {
  const cached = spawnSync('ldconfig', ['-p'], { encoding: 'utf8' });
  if (cached.status === 0 && cached.stdout.includes('libb64.so.0d')) return '';
  const own = join(folder, 'usr/lib/x86_64-linux-gnu');
  if (existsSync(join(own, 'libb64.so.0d'))) return own;
  if (spawnSync('apt-get', ['download', 'libb64-0d'], { cwd: folder }).status !== 0) return null;
  const archive = readdirSync(folder).find((name) => name.startsWith('libb64-0d'));
  spawnSync('dpkg', ['-x', archive, '.'], { cwd: folder });
  return existsSync(join(own, 'libb64.so.0d')) ? own : null;
}

/**
 * It times requests by the wall clock and gives up when that was set back between two looks, as happens on virtual machines:
 * its measurement is void then and says nothing about the server, so it is made again.
 */
const clockWasSetBack = /Timer not set correctly/;
const maxAttempts = 4;

function measured(command, args, env) {
  for (let attempt = 1; ; attempt++) {
    const { status, stdout, stderr } = spawnSync(command, args, { env, encoding: 'utf8', timeout: 120_000 });
    const output = `${stdout}${stderr}`;
    if (!clockWasSetBack.test(output) || attempt === maxAttempts) return { status, output };
    console.log(
      `again  perf_analyzer: the clock was set back while it measured (attempt ${attempt} of ${maxAttempts})`,
    );
  }
}

/** Runs every case against the server, prints a line for each, and gives how many failed. */
export function perfCases({ command, env }, server) {
  const protocols = { http: ['-i', 'http', '-u', server.http], grpc: ['-i', 'grpc', '-u', server.grpc] };
  const cases = [
    ['simple over HTTP', 'http', ['-m', 'simple', '--concurrency-range', '8']],
    ['simple over gRPC', 'grpc', ['-m', 'simple', '--concurrency-range', '8']],
    ['simple over HTTP, async', 'http', ['-m', 'simple', '--concurrency-range', '16', '--async']],
    ['simple over gRPC, async', 'grpc', ['-m', 'simple', '--concurrency-range', '16', '--async']],
    ['simple over a gRPC stream', 'grpc', ['-m', 'simple', '--concurrency-range', '8', '--streaming']],
    ['simple in batches of 8 over gRPC', 'grpc', ['-m', 'simple', '-b', '8', '--concurrency-range', '4']],
    ['digits_cnn over HTTP', 'http', ['-m', 'digits_cnn', '-b', '4', '--concurrency-range', '8']],
    ['digits_cnn over gRPC', 'grpc', ['-m', 'digits_cnn', '--concurrency-range', '16', '--async']],
    ['iris_pipeline over HTTP', 'http', ['-m', 'iris_pipeline', '--concurrency-range', '4']],
    ['texts over HTTP', 'http', ['-m', 'simple_identity', '--shape', 'INPUT0:4', '--concurrency-range', '4']],
    ['numbers as texts over gRPC', 'grpc', ['-m', 'simple_string', '--string-data', '7', '--concurrency-range', '4']],
  ];
  let failed = 0;
  for (const [name, protocol, args] of cases) {
    const measure = ['--measurement-interval', String(windowMs), '--stability-percentage', '999', '--max-threads', '4'];
    const { status, output } = measured(command, [...args, ...protocols[protocol], ...measure], env);
    const throughput = /Throughput: ([\d.]+) infer\/sec/.exec(output)?.[1];
    const good = status === 0 && throughput !== undefined && !/error|failed/i.test(output);
    console.log(
      `${good ? 'ok    ' : 'FAILED'} perf_analyzer, ${name}${good ? `: ${throughput} infer/s` : `\n${output}`}`,
    );
    if (!good) failed++;
  }
  console.log(`perf_analyzer: ${cases.length - failed} passed, ${failed} failed`);
  return failed;
}
