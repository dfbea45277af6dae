import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { DeadlineHeap } from '../../../src/scheduling/queue/deadline-heap.ts';
import { QueuedRequest } from '../../../src/scheduling/queue/queued-request.ts';
import { inferenceContext } from '../../fakes/make-request.ts';

const ignoringSink = { next: () => undefined, fail: () => undefined };

const expiring = (atMs: number): QueuedRequest => {
  const request = {
    id: '',
    inputs: [],
    outputs: [],
    rows: 1,
    batchKey: '',
    priority: 0,
    timeoutUs: 0,
  };
  return new QueuedRequest(request, inferenceContext(), 0, 1, atMs, ignoringSink);
};

describe('the deadline heap', () => {
  it('is empty at first and ignores the removal of strangers', () => {
    const heap = new DeadlineHeap();
    heap.remove(expiring(1));
    expect(heap.first).toBeNull();
  });

  it('gives all back in order, after any removals from its middle', () => {
    const times = fc.array(fc.nat(1000), { minLength: 1, maxLength: 60, size: 'max' });
    fc.assert(
      fc.property(times, fc.array(fc.nat(), { maxLength: 30, size: 'max' }), (atMs, removals) => {
        const heap = new DeadlineHeap();
        const inside = atMs.map(expiring);
        for (const request of inside) heap.push(request);
        for (const removal of removals) {
          if (inside.length > 0) heap.remove(inside.splice(removal % inside.length, 1)[0]);
        }
        const order: number[] = [];
        for (let first = heap.first; first !== null; first = heap.first) {
          order.push(first.expiresAtMs);
          heap.remove(first);
        }
        expect(order).toEqual(inside.map((one) => one.expiresAtMs).sort((a, b) => a - b));
      }),
      { seed: 31, numRuns: 500 },
    );
  });

  it('always names the earliest request in it, whichever ones leave', () => {
    const step = fc.oneof(
      fc.record({ push: fc.integer({ min: 0, max: 50 }) }),
      fc.record({ removeAt: fc.nat() }),
      fc.constant({ removeFirst: true }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
        const heap = new DeadlineHeap();
        const inside: QueuedRequest[] = [];
        for (const action of steps) {
          if ('push' in action) {
            const request = expiring(action.push);
            heap.push(request);
            inside.push(request);
          } else if (inside.length > 0) {
            const at = 'removeAt' in action ? action.removeAt % inside.length : inside.indexOf(heap.first!);
            const [gone] = inside.splice(at, 1);
            heap.remove(gone);
            heap.remove(gone);
            expect(gone.heapIndex).toBe(-1);
          }
          const earliest = inside.length === 0 ? undefined : Math.min(...inside.map((one) => one.expiresAtMs));
          expect(heap.first?.expiresAtMs).toBe(earliest);
        }
      }),
      { seed: 30, numRuns: 500 },
    );
  });
});
