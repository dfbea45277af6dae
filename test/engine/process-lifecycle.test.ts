/** The addon in processes and worker threads that start and end, with running batches. Uses the built server. */

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loopModel } from './loop-model.ts';
import { modelFolder } from './model-files.ts';

const fixture = join(import.meta.dirname, 'process-fixture.mjs');
const folder = modelFolder();
const file = folder.write('loop.onnx', loopModel());
afterAll(() => folder.remove());

beforeAll(() => {
  const built = join(import.meta.dirname, '../../dist/runtimes/open-engine.js');
  if (!existsSync(built)) throw new Error("the server is not built; run 'npm run build:ts'");
});

/** How a process ended, by a signal when it took too long, and what it said. */
const runProcess = (...args: string[]): Promise<{ code: number | null; signal: string | null; said: string }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, args, { timeout: 30_000 });
    let said = '';
    child.stdout.on('data', (text: Buffer) => {
      said += text.toString();
    });
    child.on('close', (code, signal) => resolve({ code, signal, said }));
  });

describe('a process', () => {
  it.each([
    ['ends by itself with everything left open', 'leave open', 0, 'left'],
    ['ends by itself after all was closed', 'close', 0, 'closed'],
    ['exits with its code while a batch runs', 'exit', 7, 'running'],
    ['leaves with its code while a read hangs and a batch runs', 'leave at once', 9, 'running'],
    ['ends with an uncaught error while a batch runs', 'throw', 1, 'running'],
    ['ends by itself once its batch was ended early', 'terminate', 0, 'running'],
  ])('%s', async (_, what, code, said) => {
    const ended = await runProcess(fixture, what, file.path, file.folder);
    expect(ended).toMatchObject({ code, signal: null });
    expect(ended.said).toContain('8 = 8');
    expect(ended.said).toContain(said);
  });

  it('lives on when its threads are terminated while they load the addon', async () => {
    const addon = join(import.meta.dirname, '../../build/addon/Release/nereid.node');
    const ended = await runProcess(join(import.meta.dirname, 'terminated-loads-fixture.mjs'), addon);
    expect(ended).toEqual({ code: 0, signal: null, said: 'cut off: true\n' });
  });
});

/** Starts a worker and terminates it when it says `until`, or lets it end. */
async function runWorker(what: string, until: string, isTerminated: boolean): Promise<string[]> {
  const worker = new Worker(fixture, { workerData: [what, file.path, file.folder] });
  const said: string[] = [];
  await new Promise<void>((resolve, reject) => {
    worker.on('message', (text: string) => {
      said.push(text);
      if (text === until && isTerminated) resolve();
    });
    worker.on('error', reject);
    worker.on('exit', () => resolve());
  });
  await worker.terminate();
  return said;
}

describe('a worker thread', () => {
  it('comes and goes, with batches under way and without', async () => {
    for (let turn = 0; turn < 6; turn++) {
      expect(await runWorker('leave open', 'left', turn % 2 === 0)).toEqual(['8 = 8', 'left']);
      expect(await runWorker('run', 'running', true)).toEqual(['8 = 8', 'running']);
      expect(await runWorker('close', 'closed', false)).toEqual(['8 = 8', 'closed']);
    }
  });

  // This process uses the engine in its workers only, so each of them was the last when it ended.
  it.runIf(process.platform === 'linux')('leaves the addon in the process, which ONNX Runtime calls', async () => {
    expect(await runWorker('close', '', false)).toContain('closed');
    expect(readFileSync('/proc/self/maps', 'utf8')).toMatch(/r-xp .*\/nereid\.node$/m);
  });

  it('is one of several that use the engine at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 4 }, (_, i) =>
        i % 2 === 0 ? runWorker('run', 'running', true) : runWorker('close', '', false),
      ),
    );
    for (const said of answers) expect(said[0]).toBe('8 = 8');
  });
});
