import { describe, expect, it } from 'vitest';
import { InlineChoice, loneLimits, usualLimits } from '../../src/engine/inline-choice.ts';

const { shortNs, longNs, veryLongNs } = usualLimits;

const quick = shortNs / 3;
const slow = longNs * 4;

/** Runs batches of `bytes` as the choice says and tells how many of them ran inline. */
function run(choice: InlineChoice, count: number, bytes: number, ns: number): number {
  let inline = 0;
  for (let i = 0; i < count; i++) {
    const isInline = choice.allows(bytes);
    if (isInline) inline++;
    choice.record(bytes, ns, isInline);
  }
  return inline;
}

describe('the choice between the event loop and the thread', () => {
  it('begins on the thread and moves to the loop after short batches in a row', () => {
    const choice = new InlineChoice(true, usualLimits);
    expect(run(choice, 16, 100, quick)).toBe(0);
    expect(run(choice, 100, 100, quick)).toBe(100);
  });

  it('never runs inline what is not bounded', () => {
    expect(run(new InlineChoice(false, usualLimits), 1000, 100, 1)).toBe(0);
  });

  it('stays on the thread while batches are between short and long', () => {
    expect(run(new InlineChoice(true, usualLimits), 1000, 100, (shortNs + longNs) / 2)).toBe(0);
  });

  it('leaves the loop after one long batch', () => {
    const choice = new InlineChoice(true, usualLimits);
    run(choice, 100, 100, quick);
    expect(run(choice, 1, 100, slow)).toBe(1);
    expect(run(choice, 1000, 100, slow)).toBe(0);
  });

  it('comes back when batches are short again, later each time it was wrong', () => {
    const choice = new InlineChoice(true, usualLimits);
    run(choice, 16, 100, quick);
    const waits: number[] = [];
    for (let turn = 0; turn < 4; turn++) {
      expect(run(choice, 1, 100, slow)).toBe(1);
      let waited = 0;
      while (run(choice, 1, 100, quick) === 0) waited++;
      waits.push(waited);
    }
    expect(waits).toEqual([32, 64, 128, 256]);
  });

  it('forgives a long batch after many short ones', () => {
    const choice = new InlineChoice(true, usualLimits);
    run(choice, 16, 100, quick);
    for (let turn = 0; turn < 3; turn++) run(choice, 1, 100, slow);
    run(choice, 3000, 100, quick);
    run(choice, 1, 100, slow);
    let waited = 0;
    while (run(choice, 1, 100, quick) === 0) waited++;
    expect(waited).toBe(32);
  });

  it('runs larger batches than it has seen on the thread first', () => {
    const choice = new InlineChoice(true, usualLimits);
    run(choice, 20, 100, quick);
    expect(choice.allows(101)).toBe(false);
    choice.record(101, quick, false);
    expect(choice.allows(101)).toBe(true);
  });

  it('keeps small batches inline while large ones are long', () => {
    const choice = new InlineChoice(true, usualLimits);
    run(choice, 20, 100, quick);
    for (let turn = 0; turn < 50; turn++) {
      expect(choice.allows(5000)).toBe(false);
      choice.record(5000, slow, false);
      expect(run(choice, 3, 100, quick)).toBe(3);
    }
  });

  it('leaves the loop when small batches turn long on the thread', () => {
    const choice = new InlineChoice(true, usualLimits);
    run(choice, 20, 100, quick);
    choice.record(100, slow, false);
    expect(choice.allows(100)).toBe(false);
  });

  it('moves to the loop although some batches are long for no fault of the model', () => {
    const choice = new InlineChoice(true, usualLimits);
    let inline = 0;
    for (let i = 0; i < 200; i++) inline += run(choice, 1, 64 * (1 + (i % 7)), i % 5 === 0 ? shortNs * 1.5 : quick);
    expect(inline).toBeGreaterThan(100);
  });

  it('stays on the loop while few batches are long, and leaves it when many are', () => {
    const choice = new InlineChoice(true, usualLimits);
    run(choice, 20, 100, quick);
    for (let i = 0; i < 200; i++) {
      expect(run(choice, 9, 100, quick)).toBe(9);
      expect(run(choice, 1, 100, longNs * 2)).toBe(1);
    }
    let inline = 0;
    for (let i = 0; i < 100; i++) inline += run(choice, 1, 100, i % 2 === 0 ? longNs * 2 : quick);
    expect(inline).toBeLessThan(25);
    expect(choice.allows(100)).toBe(false);
  });

  it('spends most of its time on the loop where one batch in three hundred is very long', () => {
    const choice = new InlineChoice(true, usualLimits);
    let inline = 0;
    for (let i = 1; i <= 30_000; i++) inline += run(choice, 1, 100, i % 300 === 0 ? veryLongNs * 2 : quick);
    expect(inline).toBeGreaterThan(24_000);
  });

  it('spends little time on the loop where one batch in twenty is very long', () => {
    const choice = new InlineChoice(true, usualLimits);
    let inline = 0;
    for (let i = 1; i <= 30_000; i++) inline += run(choice, 1, 100, i % 20 === 0 ? veryLongNs * 2 : quick);
    expect(inline).toBeLessThan(1500);
  });

  it('does not believe a size that is half the time long', () => {
    const choice = new InlineChoice(true, usualLimits);
    for (let i = 0; i < 1000; i++) {
      const isInline = choice.allows(100);
      choice.record(100, i % 2 === 0 ? slow : quick, isInline);
    }
    expect(choice.allows(100)).toBe(false);
  });

  it('takes longer batches where a batch is alone, within limits of their own', () => {
    const ns = (loneLimits.shortNs + veryLongNs) / 2 - veryLongNs / 4;
    expect(ns).toBeGreaterThan(longNs);
    expect(run(new InlineChoice(true, usualLimits), 100, 100, ns)).toBe(0);
    const choice = new InlineChoice(true, loneLimits);
    expect(run(choice, 116, 100, ns)).toBe(100);
    expect(run(choice, 1, 100, loneLimits.veryLongNs * 2)).toBe(1);
    expect(choice.allows(100)).toBe(false);
  });
});
