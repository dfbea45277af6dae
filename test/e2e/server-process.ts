/** The built server as a child process, on free loopback ports, with its log kept for failure messages. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const mainFile = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const readyTimeoutMs = 60_000;

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
  readonly ports: Ports;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #log = '';

  private constructor(child: ChildProcess, ports: Ports) {
    this.#child = child;
    this.ports = ports;
    this.exited = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (part: Buffer) => {
        this.#log = (this.#log + part.toString()).slice(-100_000);
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
    const [http, grpc, metrics] = await freePorts(3);
    const ports = { http, grpc, metrics } as Ports;
    const args = [
      mainFile,
      'serve',
      `--model-repository=${repository}`,
      `--http-port=${http}`,
      `--grpc-port=${grpc}`,
      `--metrics-port=${metrics}`,
      ...['http', 'grpc', 'metrics'].map((name) => `--${name}-address=127.0.0.1`),
      ...flags,
    ];
    const env = { ...process.env, ...environment };
    return new ServerProcess(spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env }), ports);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** What it wrote to standard output and error so far. */
  get log(): string {
    return this.#log;
  }

  get url(): string {
    return `http://127.0.0.1:${this.ports.http}`;
  }

  async waitUntilReady(): Promise<void> {
    const deadline = Date.now() + readyTimeoutMs;
    while (Date.now() < deadline && this.#child.exitCode === null && this.#child.signalCode === null) {
      const status = await fetch(`${this.url}/v2/health/ready`).then(
        (response) => response.status,
        () => 0,
      );
      if (status === 200) return;
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
}

export async function freePorts(count: number): Promise<number[]> {
  const listeners = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const listener = createServer();
          listener.listen(0, '127.0.0.1', () => resolve(listener));
        }),
    ),
  );
  const ports = listeners.map((listener) => (listener.address() as { port: number }).port);
  await Promise.all(listeners.map((listener) => new Promise((resolve) => listener.close(resolve))));
  return ports;
}

/** A folder for one test, removed by `dispose`. */
export async function temporaryFolder(): Promise<{ path: string; dispose: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'nereid-test-'));
  return { path, dispose: () => rm(path, { recursive: true, force: true }) };
}
