/** Turns of real event loops, in workers. Uses the built server. */

import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { turnBoundsMs, TurnCounts } from '../../src/event-loop/turn-counts.ts';
import { loadNativeThreads } from '../../src/threads/native-threads.ts';

const fixture = join(import.meta.dirname, 'turn-watch-fixture.mjs');
const native = loadNativeThreads();

const workers: Worker[] = [];
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

function started(what: 'hold' | 'sleep' | 'leave' | 'run') {
  const row = TurnCounts.of(2).row(1);
  const worker = new Worker(fixture, { workerData: { cells: row.cells, what } });
  workers.push(worker);
  return { row, worker };
}

const sum = (counts: Float64Array): number => counts.reduce((total, count) => total + count, 0);

describe('the watch of turns', () => {
  it('counts a turn that holds the loop, and tells it once', async () => {
    const { row, worker } = started('hold');
    const [told] = await once(worker, 'message');
    expect(told).toBe(1);
    const long = row.takeLong();
    expect(long?.count).toBeGreaterThanOrEqual(1);
    expect(long?.heldMs).toBeGreaterThanOrEqual(120);
    expect(long?.ranMs).toBeGreaterThan(0);
    expect(Number(process.hrtime.bigint()) / 1e6 - (long?.endMs ?? 0)).toBeGreaterThan(0);
    expect(sum(row.counts.subarray(turnBoundsMs.indexOf(100) + 1))).toBeGreaterThanOrEqual(1);
    expect(row.sumSeconds).toBeGreaterThanOrEqual(0.12);
    expect(row.takeLong()).toBeNull();
    worker.postMessage('end');
    await once(worker, 'exit');
  });

  it('does not count the time in which a loop waits for events', async () => {
    const startMs = performance.now();
    const { row, worker } = started('sleep');
    await once(worker, 'message');
    const elapsedMs = performance.now() - startMs;
    // It waits for 400 ms, however long the rest takes.
    expect(row.sumSeconds * 1e3).toBeLessThan(elapsedMs - 300);
    expect(sum(row.counts)).toBeGreaterThanOrEqual(1);
  });

  it('does not keep a thread alive', async () => {
    const { worker } = started('leave');
    await once(worker, 'exit');
  });

  it('ends with its thread, wherever that is terminated', async () => {
    for (let i = 0; i < 20; i++) {
      const { worker } = started('run');
      if (i % 2 === 0) await once(worker, 'message');
      await worker.terminate();
    }
  });

  it('refuses cells of another length, and arguments of another type', () => {
    const ignore = (): void => undefined;
    for (const cells of [new Float64Array(3), new Float32Array(16) as unknown as Float64Array]) {
      expect(() => native.watchTurns(turnBoundsMs, 50, cells, ignore)).toThrow('native: watchTurns');
    }
  });
});
