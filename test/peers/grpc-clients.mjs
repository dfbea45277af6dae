// The checks by gRPC clients, each a program of its own that prints "ok NAME" or "FAILED NAME: what was seen" for every
// check: grpcio (Python), grpc-go and grpc-js. This prepares and runs them and counts their lines.

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { commandVersion } from './commands.mjs';
import { toolFolder } from './server.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const prepareTimeoutMs = 300_000;
const runTimeoutMs = 120_000;
const offline =
  /NewConnectionError|ConnectionError|ProxyError|SSLError|timed out|name resolution|dial tcp|no such host/i;

/** Each gives `{ reason }` why the client cannot be had, or the command to run. */
const clients = {
  'grpc-js': () => ({ command: process.execPath, args: [join(here, 'grpc-js-client.mjs')] }),
  'grpc-go': prepareGo,
  grpcio: preparePython,
};

/** Builds the client into build/tools; go itself tells whether there is anything to do. */
function prepareGo() {
  if (commandVersion('go', ['version']) === null) return { reason: 'there is no go here' };
  const command = join(toolFolder, 'http2-go-client');
  mkdirSync(toolFolder, { recursive: true });
  const built = spawnSync('go', ['build', '-o', command, '.'], {
    cwd: join(here, 'go-client'),
    encoding: 'utf8',
    timeout: prepareTimeoutMs,
  });
  if (built.status === 0) return { command, args: [] };
  const complaint = `${built.stderr ?? ''}`.slice(-600);
  if (/requires go >=|toolchain/.test(complaint)) return { reason: `this go is too old:\n${complaint}` };
  if (offline.test(complaint)) return { reason: `its modules cannot be fetched:\n${complaint}` };
  throw new Error(`the Go client does not build:\n${complaint}`);
}

/** A virtual environment with grpcio where test/clients keeps its own, made when it is not there. */
function preparePython() {
  const version = spawnSync('python3', ['-c', 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])']);
  if (version.status !== 0) return { reason: 'there is no python3 with venv here' };
  const requirements = join(here, 'requirements.txt');
  const key = createHash('sha256').update(readFileSync(requirements)).update(version.stdout).digest('hex').slice(0, 12);
  const folder = join(process.env.NEREID_CLIENTS_CACHE ?? join(tmpdir(), 'nereid-clients'), key);
  const prepared = { command: join(folder, 'bin/python'), args: ['-B', join(here, 'python_client.py')] };
  if (existsSync(join(folder, 'complete'))) return prepared;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if (spawnSync('python3', ['-m', 'venv', folder]).status !== 0) return { reason: 'python3 -m venv failed' };
  const args = ['install', '--quiet', '--retries', '1', '--requirement', requirements];
  const pip = spawnSync(join(folder, 'bin/pip'), args, { encoding: 'utf8', timeout: prepareTimeoutMs });
  if (pip.status === 0) {
    writeFileSync(join(folder, 'complete'), '');
    return prepared;
  }
  rmSync(folder, { recursive: true, force: true });
  const complaint = `${pip.stderr ?? ''}`.slice(-600);
  if (offline.test(complaint)) return { reason: `PyPI cannot be reached:\n${complaint}` };
  throw new Error(`grpcio cannot be installed:\n${complaint}`);
}

function relay(tally, name, { command, args }, address) {
  return new Promise((resolve) => {
    const child = spawn(command, [...args, address], { stdio: ['ignore', 'pipe', 'pipe'] });
    const late = setTimeout(() => child.kill('SIGKILL'), runTimeoutMs);
    let complaint = '';
    let lines = 0;
    child.stderr.on('data', (part) => {
      complaint = (complaint + part).slice(-1000);
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [, outcome, check, reason] = /^(ok|FAILED) (.*?)(?:: (.*))?$/.exec(line) ?? [];
      if (outcome === undefined) console.log(`        ${line}`);
      else if (outcome === 'ok') tally.pass(`${name}: ${check}`);
      else tally.fail(`${name}: ${check}`, reason);
      lines++;
    });
    child.on('close', (code, signal) => {
      clearTimeout(late);
      if (code !== 0 || lines === 0)
        tally.fail(name, `ended with ${code ?? signal}, after ${lines} lines: ${complaint}`);
      resolve();
    });
  });
}

export const clientNames = Object.keys(clients);

/** Runs one of the clients against `address`. */
export async function grpcClientChecks(tally, name, address) {
  let client;
  try {
    client = clients[name]();
  } catch (error) {
    tally.fail(name, error.message);
    return;
  }
  if (client.reason !== undefined) tally.skip(name, client.reason);
  else await relay(tally, name, client, address);
}
