// The first of README's two commands, as a newcomer types it: `npm start` on this checkout installs and builds what is
// missing and serves model-repository/ on the default ports. One real request is answered over HTTP, then the server is
// asked to stop and has to exit with 0. Prints how long each part took.

import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const limitMs = 15 * 60_000;
const startedMs = Date.now();
const seconds = () => `${((Date.now() - startedMs) / 1000).toFixed(1)} s`;

const server = spawn('npm', ['start'], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], detached: true });
const ended = new Promise((resolve) => server.on('exit', (code, signal) => resolve({ code, signal })));
let exit = null;
ended.then((result) => {
  exit = result;
});

async function waitUntilReady() {
  while (Date.now() - startedMs < limitMs) {
    if (exit) throw new Error(`npm start ended with ${exit.code ?? exit.signal}`);
    const response = await fetch('http://127.0.0.1:8000/v2/health/ready').catch(() => null);
    if (response?.status === 200) return;
    await sleep(100);
  }
  throw new Error(`not ready after ${limitMs / 1000} s`);
}

async function classifyDigit() {
  const body = await readFile(`${root}/docs/examples/digit.json`);
  const response = await fetch('http://127.0.0.1:8000/v2/models/digits_cnn/infer', { method: 'POST', body });
  const answer = await response.json();
  if (response.status !== 200) throw new Error(`answered with ${response.status}: ${JSON.stringify(answer)}`);
  const [output] = answer.outputs;
  console.log(`classified as ${output.data[0]}`);
  if (output.datatype !== 'BYTES') throw new Error(`expected a classification, got ${JSON.stringify(output)}`);
}

try {
  await waitUntilReady();
  console.log(`ready after ${seconds()}`);
  await classifyDigit();
  console.log(`first answer after ${seconds()}`);
  process.kill(-server.pid, 'SIGTERM'); // npm and the server below it, as Ctrl-C in a terminal
  const { code, signal } = await ended;
  if (code !== 0) throw new Error(`npm start ended with ${code ?? signal} after SIGTERM, expected 0`);
  console.log('stopped with exit code 0');
} catch (error) {
  console.error(`quick start failed: ${error.message}`);
  if (!exit) process.kill(-server.pid, 'SIGKILL');
  process.exitCode = 1;
}
