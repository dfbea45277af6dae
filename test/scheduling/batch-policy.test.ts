import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/logger.ts';
import type {
  BatchPolicy,
  Candidate,
  DecisionTime,
  ObservedRun,
  RunProfile,
  WaitingRequests,
} from '../../src/scheduling/policies/batch-policy.ts';
import type { ChooseScheduler } from '../../src/scheduling/create-scheduler.ts';
import { DynamicBatcher } from '../../src/scheduling/dynamic-batcher.ts';
import { DynamicPolicy } from '../../src/scheduling/policies/dynamic-policy.ts';
import { loneStreak } from '../../src/scheduling/policies/lone-arrivals.ts';
import { OneRequestPolicy } from '../../src/scheduling/policies/one-request-policy.ts';
import { ConfiguredOrder } from '../../src/scheduling/policies/queue-policy.ts';
import { compileScatter } from '../../src/scheduling/running/scatter.ts';
import { FakeInstance } from '../fakes/fake-engine.ts';
import { dynamicBatching } from '../fakes/make-model.ts';
import { Stage } from './stage.ts';
import type { EventLoopTurn } from '../../src/time.ts';

const queueOf = (rows: readonly number[], nextExpiryMs = Number.POSITIVE_INFINITY): WaitingRequests<Candidate> => {
  const candidates: Candidate[] = rows.map((each) => ({ rows: each, batchKey: '', queuedAtMs: 0 }));
  return {
    length: rows.length,
    rows: rows.reduce((sum, each) => sum + each, 0),
    nextExpiryMs,
    first: () => candidates[0] ?? null,
    after: (candidate) => candidates[candidates.indexOf(candidate) + 1] ?? null,
  };
};

const idle: RunProfile = { canBatch: true, hasIdle: true, canPrefetch: false };
const busy: RunProfile = { canBatch: true, hasIdle: false, canPrefetch: true };

const runOf = (ms: number): ObservedRun => ({
  rows: 4,
  closedBy: 'full',
  durations: { computeInputNs: 0, computeInferNs: ms * 1e6, computeOutputNs: 0 },
});

const nothing = { kind: 'nothing' };
const take = (requestCount: number, closedBy: string) => ({ kind: 'take', requestCount, closedBy });

/** Each reading is another turn. */
const manyTurns = (): EventLoopTurn => {
  let turns = 0;
  return {
    get id() {
      return turns++;
    },
  };
};

describe('the policy of dynamic batching', () => {
  const policy = (): DynamicPolicy => new DynamicPolicy(4, dynamicBatching(), manyTurns());

  it('decides at the end of the turn, at once for a full batch, and later where no instance is idle', () => {
    expect(policy().arrived(queueOf([1]), idle, 0)).toBe('turn');
    expect(policy().arrived(queueOf([3, 1]), idle, 0)).toBe('now');
    expect(policy().arrived(queueOf([3]), busy, 0)).toBe('later');
  });

  it('decides at once for a request after many that came alone', () => {
    const lone = policy();
    for (let i = 1; i < loneStreak; i++) expect(lone.arrived(queueOf([1]), idle, i)).toBe('turn');
    expect(lone.arrived(queueOf([1]), idle, loneStreak)).toBe('now');
  });

  it('prefetches a full batch once it has seen a run, and only if no request expires meanwhile', () => {
    const prefetching = policy();
    expect(prefetching.arrived(queueOf([2, 2]), busy, 0)).toBe('now');
    expect(prefetching.decide(queueOf([2, 2]), busy, 0)).toEqual(nothing);
    prefetching.observe(runOf(10));
    expect(prefetching.decide(queueOf([2, 2]), busy, 0)).toEqual(take(2, 'full'));
    expect(prefetching.decide(queueOf([2, 2], 39), busy, 0)).toEqual(nothing);
    expect(prefetching.decide(queueOf([2, 2], 40), busy, 0)).toEqual(take(2, 'full'));
    expect(prefetching.decide(queueOf([2, 1]), busy, 0)).toEqual(nothing);
    expect(prefetching.decide(queueOf([2, 2]), { ...busy, canPrefetch: false }, 0)).toEqual(nothing);
    expect(prefetching.decide(queueOf([2, 2]), { ...busy, canBatch: false }, 0)).toEqual(nothing);
  });

  it('prefetches nothing where a later request may be served first', () => {
    const levels = new DynamicPolicy(4, dynamicBatching({ priorityLevels: 2, defaultPriorityLevel: 1 }), manyTurns());
    levels.observe(runOf(10));
    expect(levels.decide(queueOf([2, 2]), busy, 0)).toEqual(nothing);
  });

  it('takes one request at a time for a model that cannot batch', () => {
    expect(policy().decide(queueOf([0, 0, 1]), { ...idle, canBatch: false }, 0)).toEqual(take(1, 'full'));
  });
});

describe('the policy of one request', () => {
  it('takes each request alone, however many rows it has, when an instance is idle', () => {
    const policy = new OneRequestPolicy(null, manyTurns());
    expect(policy.decide(queueOf([5, 1]), idle)).toEqual(take(1, 'full'));
    expect(policy.decide(queueOf([0, 1]), idle)).toEqual(take(1, 'full'));
    expect(policy.decide(queueOf([1]), busy)).toEqual(nothing);
    expect(policy.decide(queueOf([]), idle)).toEqual(nothing);
  });

  it('never prefetches', () => {
    const policy = new OneRequestPolicy(null, manyTurns());
    expect(policy.arrived(queueOf([1, 1, 1]), busy, 0)).toBe('later');
    expect(policy.arrived(queueOf([1, 1, 1]), idle, 0)).toBe('turn');
  });
});

/** Pairs, and nobody else: it waits for the second for as long as it takes. */
class PairPolicy implements BatchPolicy {
  readonly order = new ConfiguredOrder(null);
  readonly maxDelayMs = 0;
  readonly runs: number[] = [];

  arrived({ length }: WaitingRequests<Candidate>): DecisionTime {
    return length >= 2 ? 'now' : 'later';
  }

  decide(queue: WaitingRequests<Candidate>, { hasIdle, canPrefetch }: RunProfile) {
    const hasInstance = hasIdle || canPrefetch;
    if (queue.length < 2 || !hasInstance) return { kind: 'nothing' } as const;
    return { kind: 'take', requestCount: 2, closedBy: 'preferred' } as const;
  }

  observe({ rows }: ObservedRun): void {
    this.runs.push(rows);
  }
}

describe('a scheduler with another policy', () => {
  const withPairs = (policy: PairPolicy): ChooseScheduler => {
    return (config) => (plan, instances, tools) => {
      const scheduler = new DynamicBatcher({
        ...tools,
        logger: silentLogger,
        policy,
        batchFault: plan.batchFault,
        identity: { ...plan.identity, isBatched: true },
        preservesOrdering: false,
        scatter: compileScatter(config, plan.signature, plan.labels),
      });
      for (const instance of instances) scheduler.addInstance(instance);
      return scheduler;
    };
  };

  it('forms the batches that it says, also prefetched ones, and tells it of each run', async () => {
    const policy = new PairPolicy();
    const instance = new FakeInstance();
    instance.canPrefetch = true;
    const stage = new Stage({ instances: [instance], chooseScheduler: withPairs(policy) });
    const callers = stage.sendMany(5);
    await stage.turn();
    expect(stage.scheduler.waitingCount).toBe(1);
    instance.running?.complete();
    instance.running?.complete();
    await stage.turn();
    expect(callers.map(({ isWaiting }) => isWaiting)).toEqual([false, false, false, false, true]);
    expect(policy.runs).toEqual([2, 2]);
    callers[4].leave();
    await stage.turn();
    expect(stage.scheduler.pendingCount).toBe(0);
  });
});
