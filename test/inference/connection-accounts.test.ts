import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../src/inference/memory-budget.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

describe('the account of a connection', () => {
  it('counts for its thread, and is seen by another one within a KiB', () => {
    const shared = MemoryBudget.accounts(2);
    const here = new MemoryBudget(64 * MiB, shared, 1);
    const there = new MemoryBudget(64 * MiB, shared, 0);
    const [one, other] = [here.openConnection(), here.openConnection()];
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 100 * KiB })), (sizes) => {
        for (const [i, bytes] of sizes.entries()) (i % 2 === 0 ? one : other).add(bytes);
        const sum = (odd: number): number => sizes.reduce((all, bytes, i) => (i % 2 === odd ? all + bytes : all), 0);
        expect(here.totalBytes).toBe(sum(0) + sum(1));
        for (const [odd, { number }] of [one, other].entries()) {
          expect(there.waitingBytes(1, number)).toBe(Math.ceil(sum(odd) / KiB) * KiB);
          expect(there.waitingBytes(0, number), 'another thread has a connection of that number').toBe(0);
        }
        for (const [i, bytes] of sizes.entries()) (i % 2 === 0 ? one : other).add(-bytes);
        expect([here.totalBytes, there.waitingBytes(1, one.number)]).toEqual([0, 0]);
      }),
    );
  });

  it('has a number of its own while there are any, and shares one beyond that', () => {
    const budget = new MemoryBudget(MiB);
    const open = Array.from({ length: 4095 }, () => budget.openConnection());
    expect(new Set(open.map(({ number }) => number)).size).toBe(4095);
    expect(Math.min(...open.map(({ number }) => number))).toBe(1);
    open[700]?.close();
    const next = budget.openConnection();
    expect(next.number).toBe(open[700]?.number);
    const beyond = budget.openConnection();
    open[beyond.number - 1]?.add(2 * KiB);
    beyond.add(3 * KiB);
    expect(budget.waitingBytes(0, beyond.number)).toBe(5 * KiB);
  });

  it('counts nothing for requests without a connection, and is forgotten with its thread', () => {
    const shared = MemoryBudget.accounts(2);
    const here = new MemoryBudget(MiB, shared, 1);
    const there = new MemoryBudget(MiB, shared, 0);
    here.connections.add(0, 5 * KiB);
    const { number } = here.openConnection();
    here.connections.add(number, 5 * KiB);
    expect([there.waitingBytes(1, 0), there.waitingBytes(1, number)]).toEqual([0, 5 * KiB]);
    there.clear(1);
    expect(there.waitingBytes(1, number)).toBe(0);
    expect(there.waitingBytes(1, 1e9), 'no such number').toBe(0);
  });
});
