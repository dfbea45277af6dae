/**
 * The built server as a child process, with its log kept for failure messages. It takes free loopback ports by itself and
 * tells them in its log: a port that was chosen for it could be another process's by then.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const mainFile = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const readyTimeoutMs = 60_000;

const frontends: readonly (keyof Ports)[] = ['http', 'grpc', 'metrics'];

export interface Ports {
  readonly http: number;
  readonly grpc: number;
  readonly metrics: number;
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class ServerProcess {
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #ports = new Map<string, number>();
  #log = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.exited = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (part: Buffer) => {
        this.#log = (this.#log + part.toString()).slice(-100_000);
        if (this.#ports.size < frontends.length) this.#findPorts();
      });
    }
  }

  /** Starts the server over `repository` and waits until it is ready. */
  static async start(
    repository: string,
    flags: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<ServerProcess> {
    const server = await ServerProcess.spawn(repository, flags, environment);
    await server.waitUntilReady();
    return server;
  }

  /** Starts the server, with more in its environment where that is wanted, and does not wait. */
  static async spawn(
    repository: string,
    flags: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<ServerProcess> {
    const addresses = frontends.flatMap((name) => [`--${name}-port=0`, `--${name}-address=127.0.0.1`]);
    const args = [mainFile, 'serve', `--model-repository=${repository}`, ...addresses, ...flags];
    const env = { ...process.env, ...environment };
    return new ServerProcess(spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env }));
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** What it wrote to standard output and error so far. */
  get log(): string {
    return this.#log;
  }

  /** Once it listens on all of them. */
  get ports(): Ports {
    return { http: this.#port('http'), grpc: this.#port('grpc'), metrics: this.#port('metrics') };
  }

  /** Of HTTP, once it listens there. */
  get url(): string {
    return `http://127.0.0.1:${this.#port('http')}`;
  }

  async waitUntilReady(): Promise<void> {
    const deadline = Date.now() + readyTimeoutMs;
    while (Date.now() < deadline && this.#child.exitCode === null && this.#child.signalCode === null) {
      if (this.#ports.size === frontends.length) {
        const status = await fetch(`${this.url}/v2/health/ready`).then(
          (response) => response.status,
          () => 0,
        );
        if (status === 200) return;
      }
      await sleep(30);
    }
    this.kill();
    throw new Error(`the server did not become ready:\n${this.#log.slice(-2000)}`);
  }

  /** Sends SIGTERM and waits for the end. */
  stop(): Promise<Exit> {
    this.#child.kill('SIGTERM');
    return this.exited;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #findPorts(): void {
    for (const [, name, port] of this.#log.matchAll(/"frontend":"(\w+)","address":"127\.0\.0\.1:(\d+)"/g)) {
      this.#ports.set(name as string, Number(port));
    }
  }

  #port(name: keyof Ports): number {
    const port = this.#ports.get(name);
    if (port === undefined) throw new Error(`the server does not listen for ${name}:\n${this.#log.slice(-2000)}`);
    return port;
  }
}

/** A folder for one test, removed by `dispose`. */
export async function temporaryFolder(): Promise<{ path: string; dispose: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'nereid-test-'));
  return { path, dispose: () => rm(path, { recursive: true, force: true }) };
}
