// The built server for the checks by foreign peers: started on free loopback ports over a repository, ready when
// handed out, stopped by SIGTERM. Also the flags for it that a script was given, and the count of what passed.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Where tools that the checks build for themselves are kept. */
export const toolFolder = join(root, 'build/tools');

const readyTimeoutMs = 60_000;
const stopTimeoutMs = 40_000;
const flagPrefix = '--server-flag=';

/** Flags for the server among a script's arguments: each `--server-flag=FLAG`, and all behind `--`. */
export function serverFlags(args = process.argv.slice(2)) {
  const end = args.indexOf('--');
  const own = end === -1 ? args : args.slice(0, end);
  const flags = own.filter((arg) => arg.startsWith(flagPrefix)).map((arg) => arg.slice(flagPrefix.length));
  return end === -1 ? flags : [...flags, ...args.slice(end + 1)];
}

/** Whether a script was given an option of its own. */
export function hasOption(name) {
  const args = process.argv.slice(2);
  const end = args.indexOf('--');
  return (end === -1 ? args : args.slice(0, end)).includes(name);
}

async function freePort() {
  const listener = createServer();
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

/** `{ httpPort, grpcPort, log, stop }`; `stop` gives how the server ended: its exit code or the signal. */
export async function startServer(repository, flags) {
  const main = join(root, 'dist/main.js');
  if (!existsSync(main)) throw new Error('build the server first (npm run build)');
  const [http, grpc, metrics] = [await freePort(), await freePort(), await freePort()];
  const args = [
    `--model-repository=${repository}`,
    `--http-port=${http}`,
    `--grpc-port=${grpc}`,
    `--metrics-port=${metrics}`,
    ...['http', 'grpc', 'metrics'].map((name) => `--${name}-address=127.0.0.1`),
    ...flags,
  ];
  const child = spawn(process.execPath, [main, 'serve', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (part) => {
      log = (log + part).slice(-20_000);
    });
  }
  const exited = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));
  const deadline = Date.now() + readyTimeoutMs;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${http}/v2/health/ready`).catch(() => null);
    if (answer?.status === 200) break;
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`the server did not become ready:\n${log}`);
    }
    await sleep(50);
  }
  const stop = async () => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    const ended = await exited;
    clearTimeout(late);
    return ended;
  };
  return { httpPort: http, grpcPort: grpc, log: () => log, stop };
}

/** Counts outcomes, a line for each that is worth one. */
export class Tally {
  passed = 0;
  failed = 0;
  skipped = 0;

  pass(name) {
    this.passed++;
    if (name !== undefined) console.log(`ok      ${name}`);
  }

  fail(name, reason) {
    this.failed++;
    console.log(`FAILED  ${name}: ${reason}`);
  }

  skip(name, reason) {
    this.skipped++;
    console.log(`skipped ${name}: ${reason}`);
  }

  /** Runs one check; it fails by throwing. */
  async check(name, act) {
    try {
      await act();
      this.pass(name);
    } catch (error) {
      this.fail(name, error instanceof Error ? error.message : String(error));
    }
  }

  /** The closing line and the exit code. */
  close() {
    console.log(`${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`);
    process.exitCode = this.failed === 0 ? 0 : 1;
  }
}
