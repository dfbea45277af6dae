// Runs Triton's unmodified Python clients and perf_analyzer from PyPI against the built server.
//
//     node test/clients/run.mjs [--only EXPRESSION] [--no-perf]
//
// Makes a virtual environment outside the repository (NEREID_CLIENTS_CACHE, or a folder below the system's temporary
// one) and keeps it for the next run. What cannot be had – Python, PyPI, a library of perf_analyzer – is skipped with
// the reason; what fails, fails.

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { perfCases, preparePerfAnalyzer } from './perf-analyzer.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');
const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1] : null;

/** Ends the run without failure. */
function skip(reason) {
  console.log(`clients: skipped, ${reason}`);
  process.exit(0);
}

/** The folder of the virtual environment with the pinned clients, made when it is not there. */
function prepareClients() {
  const requirements = join(here, 'requirements.txt');
  const version = spawnSync('python3', ['-c', 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])']);
  if (version.status !== 0) skip('there is no python3 with venv here');
  const key = createHash('sha256').update(readFileSync(requirements)).update(version.stdout).digest('hex').slice(0, 12);
  const cache = process.env.NEREID_CLIENTS_CACHE ?? join(tmpdir(), 'nereid-clients');
  const folder = join(cache, key);
  if (existsSync(join(folder, 'complete'))) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if (spawnSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' }).status !== 0) skip('python3 -m venv failed');
  console.log(`clients: installing ${requirements} into ${folder}`);
  const pip = spawnSync(
    join(folder, 'bin/pip'),
    ['install', '--quiet', '--retries', '1', '--requirement', requirements],
    {
      encoding: 'utf8',
    },
  );
  if (pip.status !== 0) {
    rmSync(folder, { recursive: true, force: true });
    if (/NewConnectionError|ConnectionError|ProxyError|SSLError|timed out|name resolution/i.test(pip.stderr)) {
      skip(`PyPI cannot be reached:\n${pip.stderr.slice(-600)}`);
    }
    console.error(pip.stderr);
    process.exit(1);
  }
  writeFileSync(join(folder, 'complete'), '');
  return folder;
}

async function freePort() {
  const listener = createServer();
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

/** The built server over a copy of the example repository, ready; `stop` gives how it ended. */
async function startServer(repository) {
  const [http, grpc, metrics] = [await freePort(), await freePort(), await freePort()];
  const child = spawn(
    process.execPath,
    [
      join(root, 'dist/main.js'),
      'serve',
      `--model-repository=${repository}`,
      '--model-control-mode=explicit',
      '--load-model=*',
      `--http-port=${http}`,
      `--grpc-port=${grpc}`,
      `--metrics-port=${metrics}`,
      ...['http', 'grpc', 'metrics'].map((name) => `--${name}-address=127.0.0.1`),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (part) => {
      log = (log + part).slice(-20_000);
    });
  }
  const exited = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));
  for (let tries = 0; tries < 1200; tries++) {
    const answer = await fetch(`http://127.0.0.1:${http}/v2/health/ready`).catch(() => null);
    if (answer?.status === 200) break;
    if (child.exitCode !== null || tries === 1199) {
      child.kill('SIGKILL');
      throw new Error(`the server did not become ready:\n${log}`);
    }
    await sleep(50);
  }
  const stop = async () => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 40_000);
    const ended = await exited;
    clearTimeout(late);
    return ended;
  };
  const [httpAddress, grpcAddress, metricsAddress] = [http, grpc, metrics].map((port) => `127.0.0.1:${port}`);
  return { http: httpAddress, grpc: grpcAddress, metrics: metricsAddress, stop, log: () => log };
}

/** Runs a command to its end with its output shown; gives its exit code. */
function run(command, args, options = {}) {
  return new Promise((resolve) => {
    spawn(command, args, { stdio: 'inherit', ...options }).on('exit', (code, signal) => resolve(code ?? signal));
  });
}

if (!existsSync(join(root, 'dist/main.js'))) {
  console.error('clients: build the server first (npm run build)');
  process.exit(1);
}
const environment = prepareClients();
const folder = mkdtempSync(join(tmpdir(), 'nereid-clients-run-'));
const repository = join(folder, 'repository');
cpSync(join(root, 'model-repository'), repository, { recursive: true });
console.log(`clients: serving ${readdirSync(repository).length} models`);

let failures = 0;
const server = await startServer(repository).catch((error) => {
  console.error(`clients: ${error.message}`);
  rmSync(folder, { recursive: true, force: true });
  process.exit(1);
});
try {
  const args = [join(here, 'run_checks.py'), '--http', server.http, '--grpc', server.grpc, '--metrics', server.metrics];
  if (only !== null) args.push('--only', only);
  const python = join(environment, 'bin/python');
  if ((await run(python, args, { env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } })) !== 0) failures++;

  const example = join(root, 'docs/examples');
  for (const [name, command, parts] of [
    ['classify_digit.py', python, [join(example, 'classify_digit.py'), server.http]],
    ['classify-digit.mjs', process.execPath, [join(example, 'classify-digit.mjs'), `http://${server.http}`]],
  ]) {
    const ended = spawnSync(command, parts, { encoding: 'utf8', timeout: 30_000 });
    const right = ended.status === 0 && /:\n {2}digit 3 {2}score [01]\.\d+\n.*\n.*\n$/.test(ended.stdout);
    console.log(`${right ? 'ok    ' : 'FAILED'} ${name}${right ? '' : `\n${ended.stdout}${ended.stderr}`}`);
    if (!right) failures++;
  }

  if (!process.argv.includes('--no-perf') && only === null) {
    const analyzer = preparePerfAnalyzer(join(environment, 'bin/pip'), join(environment, 'perf'));
    if (analyzer.reason !== null) console.log(`perf_analyzer: skipped, ${analyzer.reason}`);
    else failures += perfCases(analyzer, server);
  }
} finally {
  const ended = await server.stop();
  if (ended !== 0) {
    console.log(`FAILED the server ended with ${ended} after SIGTERM, expected 0\n${server.log().slice(-3000)}`);
    failures++;
  }
  rmSync(folder, { recursive: true, force: true });
}
if (failures > 0) console.log(server.log().slice(-3000));
console.log(failures === 0 ? 'clients: all passed' : `clients: ${failures} parts failed`);
process.exitCode = failures === 0 ? 0 : 1;
