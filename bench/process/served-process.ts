/** A server as a child process on free loopback ports: started, awaited, read from /proc, stopped. */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { repositoryRoot, serverMain } from '../paths.ts';
import { pinned } from './cpu-pinning.ts';

const readyTimeoutMs = 60_000;
const stopTimeoutMs = 40_000;
const keptLogCharacters = 20_000;

/** A port that was free at the time of the call. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const listener = createServer();
    listener.on('error', reject);
    listener.listen(0, '127.0.0.1', () => {
      const address = listener.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      listener.close(() => resolve(port));
    });
  });
}

export class ServedProcess {
  readonly pid: number;
  readonly httpPort: number;
  readonly grpcPort: number;
  /** 0 for a program without metrics. */
  readonly metricsPort: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  #log = '';

  private constructor(child: ChildProcess, httpPort: number, grpcPort: number, metricsPort: number) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.httpPort = httpPort;
    this.grpcPort = grpcPort;
    this.metricsPort = metricsPort;
    this.#exited = new Promise((resolve, reject) => {
      child.once('exit', (code) => resolve(code));
      child.once('error', reject);
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (part: Buffer) => {
        this.#log = (this.#log + part.toString()).slice(-keptLogCharacters);
      });
    }
  }

  /**
   * The built server over `repository`, ready to answer. `nodeFlags` are Node's own, `main` may be that of another
   * checkout. `runner` is a program that runs Node, with its arguments.
   */
  static async nereid(
    repository: string,
    cpu: number | null,
    flags: readonly string[],
    nodeFlags: readonly string[] = [],
    main: string = serverMain,
    runner: readonly string[] = [],
  ): Promise<ServedProcess> {
    if (!existsSync(main)) throw new Error('the server is not built; run: npm run build');
    const [http, grpc, metrics] = [await freePort(), await freePort(), await freePort()];
    const command = [
      ...[...runner, process.execPath, ...nodeFlags, main, 'serve', `--model-repository=${repository}`],
      ...[`--http-port=${http}`, '--http-address=127.0.0.1', `--grpc-port=${grpc}`, '--grpc-address=127.0.0.1'],
      ...[`--metrics-port=${metrics}`, '--metrics-address=127.0.0.1', ...flags],
    ];
    return ServedProcess.#start(pinned(cpu, command), http, grpc, metrics);
  }

  /** Any Node program that takes an HTTP and a gRPC port as arguments. */
  static async program(file: string, cpu: number | null): Promise<ServedProcess> {
    const [http, grpc] = [await freePort(), await freePort()];
    return ServedProcess.#start(pinned(cpu, [process.execPath, file, String(http), String(grpc)]), http, grpc);
  }

  static async #start(commandLine: readonly string[], http: number, grpc: number, metrics = 0): Promise<ServedProcess> {
    const [command, ...args] = commandLine;
    const child = spawn(command, args, { cwd: repositoryRoot, stdio: ['ignore', 'pipe', 'pipe'] });
    const server = new ServedProcess(child, http, grpc, metrics);
    await server.#ready();
    return server;
  }

  get log(): string {
    return this.#log;
  }

  get url(): string {
    return `http://127.0.0.1:${this.httpPort}`;
  }

  async #ready(): Promise<void> {
    const untilMs = performance.now() + readyTimeoutMs;
    while (performance.now() < untilMs && this.#child.exitCode === null) {
      const isReady = await fetch(`${this.url}/v2/health/ready`).then(
        (response) => response.status === 200,
        () => false,
      );
      if (isReady) return;
      await sleep(30);
    }
    this.#child.kill('SIGKILL');
    throw new Error(`the server did not become ready:\n${this.#log}`);
  }

  /** SIGTERM, then SIGKILL to one that does not end. Resolves to the exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    const timeout = setTimeout(() => this.#child.kill('SIGKILL'), stopTimeoutMs);
    const code = await this.#exited;
    clearTimeout(timeout);
    return code;
  }
}
