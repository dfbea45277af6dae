import { describe, expect, it } from 'vitest';
import { LoneRuns } from '../../src/engine/lone-runs.ts';

/** Batches that run on a thread, one after the other. */
function runAlone(runs: LoneRuns, count: number): void {
  for (let i = 0; i < count; i++) runs.ended(runs.submitted(false));
}

/** A batch during which another one is handed over. */
function runBesideAnother(runs: LoneRuns): void {
  const first = runs.submitted(false);
  runs.submitted(false);
  runs.ended(first);
}

/** How many of so many batches may run on the event loop, all of them alone. */
function onLoop(runs: LoneRuns, count: number): number {
  let taken = 0;
  for (let i = 0; i < count; i++) {
    const submitted = runs.submitted(false);
    if (runs.takesLoop()) taken++;
    else runs.ended(submitted);
  }
  return taken;
}

describe('whether batches come one at a time', () => {
  it('is believed after many lone batches in a row', () => {
    const runs = new LoneRuns();
    runAlone(runs, 31);
    expect(runs.takesLoop()).toBe(false);
    runAlone(runs, 1);
    expect(runs.takesLoop()).toBe(true);
  });

  it('is looked at again with one batch in 128, on the thread', () => {
    const runs = new LoneRuns();
    runAlone(runs, 32);
    expect(onLoop(runs, 1280)).toBe(1270);
  });

  it('is over when another batch comes while one runs on the thread', () => {
    const runs = new LoneRuns();
    runAlone(runs, 32);
    runBesideAnother(runs);
    expect(runs.takesLoop()).toBe(false);
    runAlone(runs, 31);
    expect(runs.takesLoop()).toBe(false);
  });

  it('is over when requests share a batch', () => {
    const runs = new LoneRuns();
    runAlone(runs, 32);
    runs.submitted(true);
    expect(runs.takesLoop()).toBe(false);
  });

  it('is never believed of two callers, however long they go on', () => {
    const runs = new LoneRuns();
    for (let i = 0; i < 10_000; i++) {
      runBesideAnother(runs);
      expect(runs.takesLoop()).toBe(false);
    }
  });

  it('is given up within 128 batches of two callers who came after it was believed', () => {
    const runs = new LoneRuns();
    runAlone(runs, 32);
    let taken = 0;
    for (let i = 0; i < 1000; i++) {
      const submitted = runs.submitted(false);
      if (runs.takesLoop()) taken++;
      else {
        // The other caller's request is there by the time that this one has run.
        runs.submitted(false);
        runs.ended(submitted);
      }
    }
    expect(taken).toBe(127);
  });
});
