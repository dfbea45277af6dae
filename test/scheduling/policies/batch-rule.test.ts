import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Candidate, CandidateWalk, Decision } from '../../../src/scheduling/policies/batch-policy.ts';
import { type BatchRule, batchRuleOf, decide } from '../../../src/scheduling/policies/batch-rule.ts';
import { dynamicBatching } from '../../fakes/make-model.ts';

const walkOf = (candidates: readonly Candidate[]): CandidateWalk<Candidate> => ({
  first: () => candidates[0] ?? null,
  after: (candidate) => candidates[candidates.indexOf(candidate) + 1] ?? null,
});

const waiting = (rows: number, queuedAtMs = 0, batchKey = ''): Candidate => ({ rows, queuedAtMs, batchKey });

const ones = (count: number, queuedAtMs = 0): Candidate[] =>
  Array.from({ length: count }, () => waiting(1, queuedAtMs));

const rule = (maxRows: number, preferredRows: readonly number[] = [], maxDelayMs = 0): BatchRule =>
  batchRuleOf(maxRows, dynamicBatching({ preferredBatchSizes: preferredRows, maxQueueDelayUs: maxDelayMs * 1000 }));

const decision = (candidates: readonly Candidate[], batchRule: BatchRule, nowMs = 0): Decision =>
  decide(walkOf(candidates), batchRule, nowMs);

const take = (requestCount: number, closedBy: string) => ({ kind: 'take', requestCount, closedBy });

describe('an empty queue', () => {
  it('gives nothing to do', () => {
    expect(decision([], rule(8))).toEqual({ kind: 'nothing' });
  });
});

describe('example A: sizes 4 and 8 preferred, at most 8, a delay of 100 ms', () => {
  const a = rule(8, [4, 8], 100);

  it('lets three requests wait until the oldest has waited for the delay', () => {
    expect(decision(ones(3), a, 40)).toEqual({ kind: 'wait', untilMs: 100 });
    expect(decision(ones(3), a, 99.999)).toEqual({ kind: 'wait', untilMs: 100 });
    expect(decision(ones(3), a, 100)).toEqual(take(3, 'delay'));
  });

  it('sends four at once when the fourth comes', () => {
    expect(decision([...ones(3), waiting(1, 40)], a, 40)).toEqual(take(4, 'preferred'));
  });

  it('sends four of six, and the other two wait for their own delay', () => {
    expect(decision(ones(6, 10), a, 10)).toEqual(take(4, 'preferred'));
    expect(decision(ones(2, 10), a, 10)).toEqual({ kind: 'wait', untilMs: 110 });
  });

  it('sends all that fit once the delay is over', () => {
    expect(decision(ones(6), a, 100)).toEqual(take(6, 'delay'));
    expect(decision(ones(9), a, 100)).toEqual(take(8, 'full'));
  });
});

describe('example B: a bare block', () => {
  const b = rule(8);

  it('sends all waiting requests when an instance is free', () => {
    expect(decision(ones(1), b)).toEqual(take(1, 'idle_instance'));
    expect(decision(ones(7), b)).toEqual(take(7, 'idle_instance'));
    expect(decision(ones(8), b)).toEqual(take(8, 'full'));
    expect(decision(ones(20), b)).toEqual(take(8, 'full'));
  });
});

describe('example C: size 4 preferred, at most 8, no delay', () => {
  const c = rule(8, [4]);

  it('sends the three rows alone when the next two would pass the preferred size', () => {
    expect(decision([waiting(3), waiting(2)], c)).toEqual(take(1, 'full'));
  });

  it('sends batches of four however many wait', () => {
    expect(decision(ones(8), c)).toEqual(take(4, 'preferred'));
  });

  it('sends more than four once a configured delay is over', () => {
    const delayed = rule(8, [4], 5);
    expect(decision(ones(8), delayed, 4)).toEqual(take(4, 'preferred'));
    expect(decision(ones(8), delayed, 5)).toEqual(take(8, 'full'));
  });
});

describe('a batch ends', () => {
  it('before a request that does not fit, which is never split', () => {
    expect(decision([waiting(5), waiting(4)], rule(8))).toEqual(take(1, 'full'));
    expect(decision([waiting(5), waiting(3), waiting(1)], rule(8))).toEqual(take(2, 'full'));
  });

  it('before a request of another shape, without waiting for the delay', () => {
    const candidates = [waiting(1, 0, 'a'), waiting(1, 0, 'a'), waiting(1, 0, 'b'), waiting(1, 0, 'a')];
    expect(decision(candidates, rule(8, [], 100), 1)).toEqual(take(2, 'shape'));
  });

  it('at a preferred size before it ends at another shape', () => {
    const candidates = [waiting(2, 0, 'a'), waiting(1, 0, 'a'), waiting(1, 0, 'b')];
    expect(decision(candidates, rule(8, [2], 100), 1)).toEqual(take(1, 'preferred'));
  });

  it('by the delay of its oldest request, also when that one stands behind others', () => {
    expect(decision([waiting(1, 50), waiting(1, 0)], rule(8, [], 100), 60)).toEqual({ kind: 'wait', untilMs: 100 });
    expect(decision([waiting(1, 50), waiting(1, 0)], rule(8, [], 100), 100)).toEqual(take(2, 'delay'));
  });
});

describe('for every queue, rule and time', () => {
  const anyRule = fc
    .record({
      maxRows: fc.integer({ min: 1, max: 16 }),
      preferred: fc.uniqueArray(fc.integer({ min: 1, max: 16 }), { maxLength: 3 }),
      maxDelayMs: fc.constantFrom(0, 0.3, 5, 100),
    })
    .map(({ maxRows, preferred, maxDelayMs }) =>
      rule(
        maxRows,
        preferred.filter((size) => size <= maxRows).sort((a, b) => a - b),
        maxDelayMs,
      ),
    );
  const anyQueue = fc.array(
    fc.record({
      rows: fc.integer({ min: 1, max: 16 }),
      queuedAtMs: fc.double({ min: 0, max: 50, noNaN: true }),
      batchKey: fc.constantFrom('a', 'a', 'a', 'b'),
    }),
    { maxLength: 30, size: 'max' },
  );
  const anyCase = fc.tuple(anyQueue, anyRule, fc.double({ min: 50, max: 200, noNaN: true }));
  const fitting = anyCase.map(
    ([queue, batchRule, nowMs]) =>
      [queue.map((one) => ({ ...one, rows: Math.min(one.rows, batchRule.maxRows) })), batchRule, nowMs] as const,
  );

  it('a batch has at most maxRows rows, one key, and is a front of the queue', () => {
    fc.assert(
      fc.property(fitting, ([queue, batchRule, nowMs]) => {
        const result = decision(queue, batchRule, nowMs);
        if (result.kind !== 'take') return;
        const batch = queue.slice(0, result.requestCount);
        expect(result.requestCount).toBeGreaterThan(0);
        expect(batch.length).toBe(result.requestCount);
        expect(batch.reduce((sum, one) => sum + one.rows, 0)).toBeLessThanOrEqual(batchRule.maxRows);
        expect(new Set(batch.map((one) => one.batchKey)).size).toBe(1);
      }),
      { seed: 20, numRuns: 2000 },
    );
  });

  it('nothing waits without a delay, and never past it', () => {
    fc.assert(
      fc.property(fitting, ([queue, batchRule, nowMs]) => {
        const result = decision(queue, batchRule, nowMs);
        if (queue.length === 0) expect(result.kind).toBe('nothing');
        else if (batchRule.maxDelayMs === 0) expect(result.kind).toBe('take');
        else if (result.kind === 'wait') {
          expect(result.untilMs).toBeGreaterThan(nowMs);
          const oldestMs = Math.min(...queue.map((one) => one.queuedAtMs));
          expect(result.untilMs).toBe(oldestMs + batchRule.maxDelayMs);
          expect(decision(queue, batchRule, result.untilMs).kind).toBe('take');
        }
      }),
      { seed: 21, numRuns: 2000 },
    );
  });

  it('the answer depends on nothing else', () => {
    fc.assert(
      fc.property(anyCase, ([queue, batchRule, nowMs]) => {
        const copies = queue.map((one) => ({ ...one }));
        const first = decision(queue, batchRule, nowMs);
        expect(decision(queue, batchRule, nowMs)).toEqual(first);
        expect(decision(copies, { ...batchRule }, nowMs)).toEqual(first);
        expect(queue).toEqual(copies);
      }),
      { seed: 22, numRuns: 500 },
    );
  });
});
