import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../src/inference/memory-budget.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

describe('MemoryBudget', () => {
  it('gives requests all but the last eighth, which is for answers', () => {
    const budget = new MemoryBudget(8 * MiB);
    expect([budget.reserve(6 * MiB), budget.reserve(MiB), budget.reserve(1)]).toEqual([true, true, false]);
    expect(budget.totalBytes).toBe(7 * MiB);
    expect(() => budget.checkAnswer(MiB, 0)).not.toThrow();
    expect(() => budget.checkAnswer(MiB + 1, 0)).toThrow('raise --max-inflight-bytes');
    expect(() => budget.checkAnswer(3 * MiB, 2 * MiB)).not.toThrow();
  });

  it('accepts a request that is alone, and its growth', () => {
    const budget = new MemoryBudget(MiB);
    expect(budget.reserve(MiB)).toBe(true);
    expect(budget.reserve(5 * MiB, MiB)).toBe(true);
    expect(budget.reserve(1, 0)).toBe(false);
    expect(() => budget.checkAnswer(50 * MiB, 6 * MiB)).not.toThrow();
    expect(() => budget.checkAnswer(50 * MiB, MiB)).toThrow('clients do not read their answers');
  });

  it('takes no more beside the message of a request than the limit, also when it is alone', () => {
    const budget = new MemoryBudget(MiB);
    expect(budget.reserve(MiB)).toBe(true);
    budget.reserveOrThrow(MiB, MiB, MiB);
    expect(() => budget.reserveOrThrow(1, 2 * MiB, MiB + 1)).toThrow(
      `needs ${MiB + 1} bytes beside its message, for decoded tensors and their elements in the engine, more than the ${MiB}`,
    );
    expect(budget.totalBytes).toBe(2 * MiB);
  });

  it('takes a request for alone beside heads and small messages of others', () => {
    const budget = new MemoryBudget(4 * MiB);
    budget.add(64 * KiB);
    expect(budget.reserve(4 * MiB)).toBe(true);
    expect(budget.reserve(MiB, 4 * MiB)).toBe(true);
    budget.add(1);
    expect(budget.reserve(MiB, 5 * MiB)).toBe(false);
  });

  it('always sends small answers', () => {
    const budget = new MemoryBudget(MiB);
    budget.add(3 * MiB);
    expect(() => budget.checkAnswer(16 * KiB, 0)).not.toThrow();
    expect(() => budget.checkAnswer(1, 0, 2 * MiB)).toThrow('clients do not read their answers');
    expect(() => budget.checkAnswer(16 * KiB + 1, 0)).toThrow(`${3 * MiB} bytes of requests and answers`);
  });

  it.each([1, 4, 60])('leaves memory for others however much %d clients ask for that do not read', (clients) => {
    const budget = new MemoryBudget(1024 * MiB);
    const waiting = new Array<number>(clients).fill(0);
    for (let round = 0; round < 2000; round++) {
      const client = round % clients;
      try {
        budget.checkAnswer(2 * MiB, 0, waiting[client]);
      } catch {
        continue;
      }
      budget.add(2 * MiB);
      waiting[client] = (waiting[client] as number) + 2 * MiB;
    }
    expect(Math.min(...waiting), 'each has some').toBeGreaterThan(0);
    expect(Math.max(...waiting) - Math.min(...waiting), 'each has as much').toBeLessThanOrEqual(2 * MiB);
    expect(budget.isShort).toBe(false);
    expect(budget.reserve(32 * MiB), 'a request of somebody else').toBe(true);
    expect(() => budget.checkAnswer(64 * MiB, 32 * MiB), 'and its answer').not.toThrow();
  });

  it('is short before requests are refused', () => {
    const budget = new MemoryBudget(16 * MiB);
    budget.add(12 * MiB);
    expect([budget.isShort, budget.reserve(MiB), budget.isShort, budget.reserve(MiB)]).toEqual([
      false,
      true,
      true,
      true,
    ]);
    expect(budget.reserve(1)).toBe(false);
  });

  it('receives small messages also when all is full, and nothing more', () => {
    const budget = new MemoryBudget(8 * MiB);
    budget.add(8 * MiB);
    expect([budget.reserveMessage(0), budget.reserveMessage(1024), budget.reserve(1)]).toEqual([true, true, false]);
    expect([budget.reserveMessage(1025), budget.reserveMessage(1, 1024)]).toEqual([false, false]);
    expect(budget.totalBytes).toBe(8 * MiB + 1024);
  });

  it('stops receiving small messages when they alone are an eighth of it', () => {
    const budget = new MemoryBudget(16 * MiB);
    budget.add(16 * MiB);
    let received = 0;
    while (received < 10_000 && budget.reserveMessage(KiB)) received++;
    expect(received).toBe(2 * 1024);
  });

  it('names the available bytes, the requested ones and the flag of the limit', () => {
    const budget = new MemoryBudget(1000);
    budget.add(900);
    expect(budget.exhausted(200)).toMatchObject({
      code: 'resource_exhausted',
      message:
        'the server has 900 bytes of requests and answers in flight and takes at most 1000, this request needs 200 more; ' +
        'retry later or raise --max-inflight-bytes',
    });
    expect([budget.isTooLarge(1000), budget.isTooLarge(1001)]).toEqual([false, true]);
    expect(budget.tooLarge(1001).message).toContain('a request of 1001 bytes is larger than the 1000 bytes');
    expect(budget.tooLarge(1001).message).toContain('--max-inflight-bytes');
  });

  it('is seen by all threads within 64 KiB for each, and exactly once it is empty', () => {
    const step = fc.record({
      account: fc.nat(2),
      bytes: fc.integer({ min: 0, max: 300 * KiB }),
      isGiven: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const shared = MemoryBudget.accounts(3);
        const budgets = [0, 1, 2].map((account) => new MemoryBudget(2 ** 40, shared, account));
        const taken: number[][] = [[], [], []];
        for (const { account, bytes, isGiven } of steps) {
          const budget = budgets[account] as MemoryBudget;
          const own = taken[account] as number[];
          if (isGiven) budget.release(own.pop() ?? 0);
          else if (budget.reserve(bytes)) own.push(bytes);
          const total = taken.flat().reduce((sum, each) => sum + each, 0);
          for (const each of budgets) expect(Math.abs(each.totalBytes - total)).toBeLessThanOrEqual(2 * 65 * KiB);
        }
        for (const [account, own] of taken.entries()) for (const bytes of own) budgets[account]?.release(bytes);
        expect(budgets.map(({ totalBytes }) => totalBytes)).toEqual([0, 0, 0]);
      }),
    );
  });

  it('bounds all threads together, and forgets one that has ended', () => {
    const shared = MemoryBudget.accounts(2);
    const one = new MemoryBudget(8 * MiB, shared, 0);
    const other = new MemoryBudget(8 * MiB, shared, 1);
    expect(other.reserve(6 * MiB)).toBe(true);
    expect(one.reserve(2 * MiB)).toBe(false);
    expect(one.reserve(MiB)).toBe(true);
    expect(other.totalBytes).toBe(7 * MiB);
    one.clear(1);
    expect(one.totalBytes).toBe(MiB);
  });
});
