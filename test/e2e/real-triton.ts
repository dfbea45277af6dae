/**
 * A real Triton beside the server under test, over the same models: for its Python backend, which runs the ONNX files. Where it
 * lies is said by `TRITON_FOLDER`, which `../shared/real-triton/setup.sh` makes.
 */

import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Ports } from './server-process.ts';

const scripts = fileURLToPath(new URL('../../../shared/real-triton', import.meta.url));
/** The model of its Python backend that runs `model.onnx` beside it. */
export const pythonModel = join(scripts, 'model.py');
const folder = process.env.TRITON_FOLDER ?? '';
const startTimeoutMs = 60_000;

/** Why there is no Triton to compare with; null where there is one. */
export function missingTriton(): string | null {
  if (!existsSync(join(scripts, 'serve.sh'))) return 'there is no ../shared/real-triton beside this checkout';
  if (folder === '') return 'TRITON_FOLDER does not say where ../shared/real-triton/setup.sh has put Triton';
  return existsSync(join(folder, 'triton/bin/tritonserver')) ? null : `there is no Triton in '${folder}'`;
}

export interface RunningTriton {
  readonly ports: Ports;
  stop(): Promise<void>;
}

/**
 * Starts Triton over the models of `repository`, which all have a configuration.
 *
 * @param copy an empty folder for what it makes of them
 */
export async function startTriton(
  repository: string,
  copy: string,
  flags: readonly string[] = [],
): Promise<RunningTriton> {
  const made = spawnSync(join(folder, 'venv/bin/python'), [join(scripts, 'mirror.py'), repository, copy]);
  if (made.status !== 0) throw new Error(`the models could not be copied for Triton: ${made.stderr}`);
  const [http, grpc, metrics] = await freePorts(3);
  const command = [join(scripts, 'serve.sh'), folder, copy, ...[http, grpc, metrics].map(String), ...flags];
  const child = spawn('bash', command, { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (part: Buffer) => {
      log = (log + part.toString()).slice(-20_000);
    });
  }
  const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await exited;
    clearTimeout(late);
  };
  const deadline = Date.now() + startTimeoutMs;
  while (Date.now() < deadline && child.exitCode === null) {
    const ready = await fetch(`http://127.0.0.1:${http}/v2/health/ready`).catch(() => null);
    if (ready?.status === 200) return { ports: { http, grpc, metrics }, stop };
    await sleep(100);
  }
  await stop();
  throw new Error(`Triton did not become ready:\n${log.slice(-3000)}`);
}

async function freePorts(count: number): Promise<number[]> {
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
