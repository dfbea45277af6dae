/**
 * A gRPC server as a child process that takes a free port itself and prints it as one line when it listens: the C++
 * peers and the transports that echo.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { GrpcConfig } from '../../src/server/server-config.ts';
import { peerBuild, peerSources, repositoryRoot } from '../paths.ts';
import { packagedLibrary } from './bare-loop.ts';
import { buildWithCmake } from './cmake-build.ts';
import { pinned } from './cpu-pinning.ts';

const readyTimeoutMs = 30_000;
const stopTimeoutMs = 5_000;
const keptLogCharacters = 20_000;

const peerPackages = 'on Debian: libgrpc++-dev protobuf-compiler-grpc libprotobuf-dev protobuf-compiler';

/** Builds the C++ peers. Null when that worked, else why it did not. */
export function buildPeers(): string | null {
  if (!existsSync(join(peerBuild, 'grpcpp_onnx'))) console.error('building the C++ peers, which takes a minute or two');
  const whyNot = buildWithCmake(peerSources, peerBuild);
  return whyNot === null ? null : `${whyNot}\nIt needs the C++ packages of gRPC and protobuf (${peerPackages}).`;
}

export class AnnouncedProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  #output = '';
  #log = '';
  #grpcPort = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code) => resolve(code));
      child.once('error', (error) => {
        this.#log += error.message;
        resolve(null);
      });
    });
    child.stderr?.on('data', (part: Buffer) => {
      this.#log = (this.#log + part.toString()).slice(-keptLogCharacters);
    });
  }

  /** Our end of the echo: the server's codecs on one of its transports. */
  static echo(transport: GrpcConfig['transport'], cpu: number | null): Promise<AnnouncedProcess> {
    const file = fileURLToPath(new URL('./grpc-echo-server.js', import.meta.url));
    return AnnouncedProcess.#start(pinned(cpu, [process.execPath, file, transport]));
  }

  static grpcppEcho(cpu: number | null): Promise<AnnouncedProcess> {
    return AnnouncedProcess.#start(pinned(cpu, [join(peerBuild, 'grpcpp_echo')]));
  }

  /** Runs the model on the library that the server uses too. */
  static grpcppOnnx(modelFile: string, cpu: number | null): Promise<AnnouncedProcess> {
    return AnnouncedProcess.#start(pinned(cpu, [join(peerBuild, 'grpcpp_onnx'), packagedLibrary(), modelFile]));
  }

  static async #start(commandLine: readonly string[]): Promise<AnnouncedProcess> {
    const [command, ...args] = commandLine;
    const child = spawn(command, args, { cwd: repositoryRoot, stdio: ['ignore', 'pipe', 'pipe'] });
    const server = new AnnouncedProcess(child);
    server.#grpcPort = await server.#announcement();
    return server;
  }

  get grpcPort(): number {
    return this.#grpcPort;
  }

  get log(): string {
    return this.#log;
  }

  #announcement(): Promise<number> {
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => {
        this.#child.kill('SIGKILL');
        reject(new Error(`${this.#child.spawnargs.join(' ')} ${reason}:\n${this.#log}`));
      };
      const timeout = setTimeout(() => fail('did not begin to listen'), readyTimeoutMs);
      void this.#exited.then((code) => {
        clearTimeout(timeout);
        fail(`ended with code ${code}`);
      });
      this.#child.stdout?.on('data', (part: Buffer) => {
        if (this.#output.includes('\n')) return;
        this.#output += part.toString();
        if (!this.#output.includes('\n')) return;
        clearTimeout(timeout);
        const port = Number.parseInt(this.#output, 10);
        if (port > 0) resolve(port);
        else fail(`announced '${this.#output.trim()}' instead of a port`);
      });
    });
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
